"""Opens component by component with O_NOFOLLOW: a link that is swapped in between check and use is never followed."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from workspaces.files.troubles import NotAFile, said_plainly

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe that an agent left behind would hang its reader for ever.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@contextmanager
def directory(root: Path, parts: Sequence[str], *, create: bool = False) -> Iterator[int]:
    """A descriptor of the directory ``parts`` below ``root``, closed afterwards. ``create`` makes what is missing."""
    shown = "/".join(parts) or "the directory"
    with said_plainly(shown):
        current = os.open(root, _DIRECTORY)
    try:
        for part in parts:
            with said_plainly(shown):
                following = _step(current, part, create=create)
            os.close(current)
            current = following
        yield current
    finally:
        os.close(current)


def _step(current: int, part: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=current)
    return os.open(part, _DIRECTORY, dir_fd=current)


def subdirectory(parent: int, name: str) -> int:
    """A descriptor of one directory in another; the caller closes it."""
    return os.open(name, _DIRECTORY, dir_fd=parent)


def plain_file(parent: int, name: str, *, shown: str) -> int:
    """A descriptor of a plain file for reading; the caller closes it.

    Raises NotAFile for directories, devices and pipes, and for a file with a second name: an agent could hard-link a
    file from outside into its workspace and have it read for it.
    """
    with said_plainly(shown):
        fd = os.open(name, _READ, dir_fd=parent)
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise NotAFile(f"{shown} is not a plain file.")
    if found.st_nlink > 1:
        os.close(fd)
        raise NotAFile(f"{shown} is a hard link to another file; copy it instead.")
    return fd
