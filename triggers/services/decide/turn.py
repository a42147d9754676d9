"""Whose turn it is to decide: one decider at a time for each database, so that no work is prepared twice.

Only a courtesy: what is decided rests on unique keys and compare-and-swap. So a turn whose holder was stopped, and with
which nothing moves any more, is passed over.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

PATIENCE = timedelta(seconds=5)
_ADVISORY_KEY = 0x0DC7_DEC1


@contextmanager
def turn() -> Iterator[bool]:
    """Yield whether the turn is ours; it is given back at the end, and by the end of the process."""
    with _postgres_turn() if connection.vendor == "postgresql" else _file_turn() as is_ours:
        yield is_ours


@contextmanager
def _postgres_turn() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ADVISORY_KEY])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        # A broken connection has given the lock back already, and its own error is the one to see.
        with suppress(DatabaseError):
            if is_ours:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock(%s)", [_ADVISORY_KEY])


@contextmanager
def _file_turn() -> Iterator[bool]:
    directory = Path(settings.DCT_DATA_DIR) / "run"
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory / "decider.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


class Patience:
    """Says when somebody else's turn has lasted too long without anything being decided."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._oldest: int | None = None
        self._since: datetime | None = None

    def is_over(self, oldest: int | None, now: datetime) -> bool:
        """Told the oldest undecided delivery each time the turn was not to be had."""
        with self._guard:
            if oldest is None or oldest != self._oldest or self._since is None:
                self._oldest, self._since = oldest, now
                return False
            return now - self._since >= PATIENCE


patience = Patience()
