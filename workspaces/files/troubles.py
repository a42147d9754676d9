"""What can be wrong with a file, each in one sentence that a person can act on."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

_FULL = {errno.ENOSPC, errno.EDQUOT}
_LINK = {errno.ELOOP, errno.EMLINK}


class FileTrouble(Exception):
    """A file cannot be read or written; the message says which and why, in paths relative to the workspace."""


class BadPath(FileTrouble):
    """The path leads out of the workspace, through a link, or carries what a name may not carry."""


class Missing(FileTrouble):
    """There is no such file."""


class NotAFile(FileTrouble):
    """There is something, but not a plain file of its own (a directory, a device, a pipe, a shared hard link)."""


class TooMany(FileTrouble):
    """More entries than a tree may have here."""


class NoSpace(FileTrouble):
    """The disk is full, or so nearly that nothing new is started."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or "The disk of the data directory is full. Free some space; what waits goes on then.")


@contextmanager
def said_plainly(path: str) -> Iterator[None]:
    """Turn what the operating system says about ``path`` into a FileTrouble; the rest passes through."""
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise NotAFile(f"{path} is a directory, not a file.") from None
    except NotADirectoryError:
        raise BadPath(f"{path} leads through something that is not a directory.") from None
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpace from error
        if error.errno in _LINK:
            raise BadPath(f"{path} leads through a link; links are not followed.") from None
        if error.errno == errno.ENXIO:
            raise NotAFile(f"{path} is not a plain file.") from None
        if error.errno == errno.ENAMETOOLONG:
            raise BadPath(f"{path[:60]}… is too long a path.") from None
        raise
