"""Children that are started, watched, started again and stopped in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dct_site.parent import leash

STABLE_AFTER_S = 30.0
LONGEST_PAUSE_S = 10.0


@dataclass
class Child:
    """One process of the tree. ``stop_first`` children end before the others; ``quiet`` ones say nothing."""

    name: str
    argv: Sequence[str]
    pass_fds: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_first: bool = False
    quiet: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    failures: int = 0
    start_at: float = 0.0


class Tree:
    """Runs children until it is told to stop."""

    def __init__(self, children: Sequence[Child], *, grace_s: float) -> None:
        self.children = list(children)
        self._grace_s = grace_s
        self._stopping = threading.Event()
        self._leash_read, self._leash_write = leash.tie()

    def start(self) -> None:
        for child in self.children:
            self._start(child)

    def add(self, child: Child) -> None:
        """Start one more."""
        self.children.append(child)
        self._start(child)

    def stop_soon(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def watch(self) -> None:
        """Start children again when they die, later and later; return after ``stop_soon`` once all have ended."""
        while not self._stopping.wait(0.1):
            for child in self.children:
                self.look_after(child)
        self.stop()

    def look_after(self, child: Child) -> None:
        """Start a child again where it has ended and its pause is over."""
        if child.process is None:
            if time.monotonic() >= child.start_at:
                self._start(child)
            return
        code = child.process.poll()
        if code is None:
            return
        lived = time.monotonic() - child.started_at
        child.failures = 1 if lived > STABLE_AFTER_S else child.failures + 1
        pause = 0.0 if child.failures == 1 else min(LONGEST_PAUSE_S, 0.5 * 2 ** (child.failures - 2))
        _say(f"{child.name} ended ({_how(code)}); it is started again" + (f" in {pause:.1f} s" if pause else ""))
        child.process, child.start_at = None, time.monotonic() + pause

    def _start(self, child: Child) -> None:
        environment = {**os.environ, **child.environment, leash.VARIABLE: str(self._leash_read)}
        child.process = subprocess.Popen(
            list(child.argv),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if child.quiet else None,
            pass_fds=(*child.pass_fds, self._leash_read),
            start_new_session=True,
        )
        child.started_at = time.monotonic()

    def stop(self) -> None:
        """SIGTERM those that stop first, then the others; SIGKILL what is left when the grace is over."""
        until = time.monotonic() + self._grace_s
        for first in (True, False):
            group = [child for child in self.children if child.stop_first is first and child.process is not None]
            for child in group:
                _signal(child, signal.SIGTERM)
            for child in group:
                _wait(child, until)
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                _say(f"{child.name} did not end within {self._grace_s:.0f} s and is killed")
                _signal(child, signal.SIGKILL)
                child.process.wait()
        os.close(self._leash_write)


def _signal(child: Child, number: int) -> None:
    if child.process is not None and child.process.poll() is None:
        child.process.send_signal(number)


def _wait(child: Child, until: float) -> None:
    if child.process is not None:
        try:
            child.process.wait(max(0.05, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _say(text: str) -> None:
    sys.stderr.write(f"dct: {text}.\n")
    sys.stderr.flush()
