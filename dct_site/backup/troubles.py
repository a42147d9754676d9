"""What keeps a backup or a restore from being made, and how far one is."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class CannotBackUp(Exception):
    """The message is one sentence that says what to do."""


class CannotRestore(Exception):
    """The message is one sentence that says what to do; unless it says otherwise nothing was changed."""


@contextmanager
def said_plainly(trouble: type[Exception], place: str) -> Iterator[None]:
    """Turn what the operating system says while writing to ``place`` into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise trouble(f"the disk of {place} is full; free some space and try again.") from error
        raise trouble(f"{error.filename or place}: {(error.strerror or str(error)).lower()}.") from error


class Progress:
    """One line on standard error: rewritten in place for people, one line a stage elsewhere."""

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()
        self._stage = ""

    def stage(self, words: str) -> None:
        """Begin another stage."""
        self._stage = words
        self._write(words, ends=not self._is_live)

    def at(self, words: str) -> None:
        """How far the stage is; only where the line can be rewritten."""
        if self._is_live:
            self._write(f"{self._stage} {words}", ends=False)

    def over(self) -> None:
        """Leave the line empty."""
        if self._is_live:
            self._write("", ends=False)

    def _write(self, words: str, *, ends: bool) -> None:
        sys.stderr.write(f"\r\033[K{words}" if self._is_live else f"{words} …")
        if ends:
            sys.stderr.write("\n")
        sys.stderr.flush()
