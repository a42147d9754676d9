"""One loop per kind of work: wait to be woken, claim and run up to N, again until nothing is left, sweep in case a
wake-up was lost.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import close_old_connections, connection

from dct_site.kernel.clock import utcnow
from dct_site.kernel.wake import Topic

log = structlog.get_logger(__name__)

Work = Callable[[datetime], int]


@dataclass
class Loop:
    """A named piece of work on a thread of its own, with a database connection of its own.

    ``work`` is told the time and returns how many pieces it did; while that is more than zero it is called again at
    once. ``sweep_s`` bounds how long a lost wake-up can delay anything.
    """

    name: str
    work: Work
    topic: Topic | None
    sweep_s: float
    woken: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    failures: int = 0
    last_done_at: float = 0.0

    def wake(self) -> None:
        self.woken.set()

    def stop(self) -> None:
        self.stopping.set()
        self.woken.set()

    def run(self) -> None:
        """Until stopped. An error is logged and the work tried again, later and later up to 5 s: one loop never takes
        down another.
        """
        while not self.stopping.is_set():
            self.woken.wait(self._pause())
            self.woken.clear()
            if not self.stopping.is_set():
                self._drain()
        connection.close()

    def _drain(self) -> None:
        try:
            while not self.stopping.is_set() and self.work(utcnow()):
                pass
            self.failures = 0
            self.last_done_at = time.monotonic()
        except Exception:  # a loop's edge: the work's own rows say what failed
            self.failures += 1
            log.exception("loop_failed", loop=self.name, failures=self.failures)
            close_old_connections()

    def _pause(self) -> float:
        return self.sweep_s if not self.failures else min(5.0, self.sweep_s * 2 ** min(self.failures, 5))


class Loops:
    """A set of loops on their threads."""

    def __init__(self, loops: list[Loop]) -> None:
        self.loops = loops
        self._threads = [threading.Thread(target=loop.run, name=f"dct-{loop.name}", daemon=True) for loop in loops]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        for loop in self.loops:
            loop.wake()

    def wake(self, topic: Topic) -> None:
        """Wake the loops that work on ``topic``."""
        for loop in self.loops:
            if loop.topic is topic:
                loop.wake()

    def stop(self, *, grace_s: float) -> list[str]:
        """Ask all to end and wait; return the names of those that were still at work when the grace was over."""
        for loop in self.loops:
            loop.stop()
        until = time.monotonic() + grace_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]
