"""Back-tests beside the server: their slices are worked on by one child process, so that no page and no webhook waits.

A slice is a second of CPU. In a thread of the server it would take every other turn of the interpreter. The child is a
program of its own (never a fork of the server), started with the first slice, nicer than the server, and ends when
nothing was asked for a while or the server is gone. What a run has found travels in its cursor: whichever process
answers the next slice goes on from there, also after the server or the child has ended in the middle of one.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from select import select
from typing import IO, Any, Protocol

from django.conf import settings

from accounts.models import User
from agents.enums import Rung
from agents.selectors.overload import rung_now
from triggers.models import Trigger
from triggers.services.backtest.progress import Slice
from triggers.services.backtest.wire import question, read_answer

MOST_WAITING = 3
"""Slices of others that may wait for the child."""
PATIENCE_S = 15.0
"""How long one waits for its turn."""
LONGEST_S = 60.0
"""A slice takes a second or two; what takes this long is ended."""
PROGRAM = (sys.executable, "-m", "dct_site.aside")


class Busy(Exception):
    """Another back-test is being worked on."""

    retry_after_s = 2

    def __init__(self, words: str) -> None:
        super().__init__(f"{words} Go on with this one in {self.retry_after_s} seconds.")


class Worker(Protocol):
    """Whoever answers a line with a line."""

    def ask(self, line: bytes) -> bytes:
        """Empty where there is no answer."""
        ...


class Child:
    """The child process; started when it is asked, and again where it has ended."""

    def __init__(self, program: tuple[str, ...] = PROGRAM, longest_s: float = LONGEST_S) -> None:
        self._program = program
        self._longest_s = longest_s
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, line: bytes) -> bytes:
        """Ask it. One that had ended for want of work is started again; one that ends over its work is not."""
        for _ in range(2):
            process = self._running()
            try:
                return self._told(process, line)
            except BrokenPipeError:
                self.end()
        return b""

    def end(self) -> None:
        """Kill it; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in _pipes(process):
                with suppress(BrokenPipeError):
                    pipe.close()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._process = subprocess.Popen(
                self._program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=settings.BASE_DIR,
                start_new_session=True,
            )
        return self._process

    def _told(self, process: "subprocess.Popen[bytes]", line: bytes) -> bytes:
        stdin, stdout = _pipes(process)
        _write(stdin.fileno(), line)
        descriptor, until, told = stdout.fileno(), time.monotonic() + self._longest_s, b""
        while not told.endswith(b"\n"):
            readable, _, _ = select([descriptor], [], [], max(0.0, until - time.monotonic()))
            part = os.read(descriptor, 1 << 20) if readable else b""
            if not part:
                self.end()
                return b""
            told += part
        return told


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None  # noqa: S101 - it is started with both
    assert process.stdout is not None  # noqa: S101
    return process.stdin, process.stdout


def _write(descriptor: int, line: bytes) -> None:
    view = memoryview(line)
    while view:
        view = view[os.write(descriptor, view) :]


class Aside:
    """One worker, one slice at a time, one of a person at a time."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._people: set[int] = set()

    def backtest(
        self,
        *,
        trigger: Trigger,
        document: Mapping[str, Any],
        by: User,
        since: datetime,
        until: datetime,
        now: datetime,
        cursor: str = "",
    ) -> Slice:
        """The first slice of a run, or the one that ``cursor`` asks for; see ``backtest``.

        Raises Busy, InvalidDocument, StaleCursor, and Broken where the child ended over it.
        """
        if rung_now(now) >= Rung.BULK_STOPS:
            raise Busy("DCT has too much to do.")
        line = question(trigger=trigger, document=document, by=by, since=since, until=until, now=now, cursor=cursor)
        with self._place(by.pk):
            return read_answer(self.worker.ask(line), since=since, until=until)

    @contextmanager
    def _place(self, person: int) -> Iterator[None]:
        with self._guard:
            if person in self._people:
                raise Busy("A back-test of yours is being worked on.")
            if len(self._people) > MOST_WAITING:
                raise Busy("Back-tests of others are being worked on.")
            self._people.add(person)
        try:
            if not self._turn.acquire(timeout=PATIENCE_S):
                raise Busy("Back-tests of others are being worked on.")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._guard:
                self._people.discard(person)


aside = Aside(Child())
