"""Copies a tree: reflinks where the file system has them, else inside the kernel, never hard links (appending in a
clone changed the original).
"""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from workspaces.files.opening import subdirectory
from workspaces.files.troubles import BadPath, NotAFile, TooMany, said_plainly

FICLONE = 0x40049409
ENTRIES = 100_000
DEPTH = 64
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 30
# What a file system or kernel answers when it cannot do it this way; anything else is a real failure.
_CANNOT = {errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM}

Wanted = Callable[[str], bool]


def _everything(_path: str) -> bool:
    return True


@dataclass
class _Copy:
    """One copy under way: what it counts, what it leaves out, which means still work on this file system."""

    wanted: Wanted
    skip_unsafe: bool
    count: int = 0
    left_out: list[str] = field(default_factory=list)
    can_reflink: bool = True
    can_copy_range: bool = True


def copy_tree(source: Path, target: Path, *, wanted: Wanted = _everything, skip_unsafe: bool = False) -> list[str]:
    """Copy what lies below ``source`` into the existing directory ``target``; return the paths that were left out.

    ``wanted`` is asked for each path below the root; a directory that is not wanted is not entered. Links, devices,
    pipes and files with a second name raise NotAFile, or are left out with ``skip_unsafe``. Raises TooMany above
    100,000 entries and NoSpace.
    """
    copy = _Copy(wanted, skip_unsafe)
    with said_plainly("the tree"):
        from_fd = os.open(source, _DIRECTORY)
    try:
        with said_plainly("the tree"):
            to_fd = os.open(target, _DIRECTORY)
        try:
            _directory(copy, from_fd, to_fd, "", 0)
        finally:
            os.close(to_fd)
    finally:
        os.close(from_fd)
    return sorted(copy.left_out)


def _directory(copy: _Copy, from_fd: int, to_fd: int, prefix: str, depth: int) -> None:
    if depth > DEPTH:
        raise TooMany(f"{prefix[:80]}… lies more than {DEPTH} directories deep.")
    for name in os.listdir(from_fd):
        path = f"{prefix}{name}"
        if not copy.wanted(path):
            copy.left_out.append(path)
            continue
        copy.count += 1
        if copy.count > ENTRIES:
            raise TooMany(f"There are more than {ENTRIES:,} entries.")
        with said_plainly(path):
            _one(copy, from_fd, to_fd, name, path, depth)


def _one(copy: _Copy, from_fd: int, to_fd: int, name: str, path: str, depth: int) -> None:
    if not name.isprintable() and not copy.skip_unsafe:
        raise BadPath(f"{path!a} has a control character in its name.")
    mode = os.stat(name, dir_fd=from_fd, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        _subdirectory(copy, from_fd, to_fd, name, path, depth)
    elif stat.S_ISREG(mode):
        _file(copy, from_fd, to_fd, name, path)
    else:
        _refuse(copy, path, "a link" if stat.S_ISLNK(mode) else "a device or a pipe")


def _refuse(copy: _Copy, path: str, what: str) -> None:
    if not copy.skip_unsafe:
        raise NotAFile(f"{path} is {what}; a template holds plain files and directories only.")
    copy.left_out.append(path)


def _subdirectory(copy: _Copy, from_fd: int, to_fd: int, name: str, path: str, depth: int) -> None:
    below_from = subdirectory(from_fd, name)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=to_fd)
        below_to = subdirectory(to_fd, name)
        try:
            _directory(copy, below_from, below_to, f"{path}/", depth + 1)
        finally:
            os.close(below_to)
    finally:
        os.close(below_from)


def _file(copy: _Copy, from_fd: int, to_fd: int, name: str, path: str) -> None:
    source = os.open(name, _READ, dir_fd=from_fd)
    try:
        found = os.fstat(source)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            _refuse(copy, path, "a hard link")
            return
        target = os.open(name, _CREATE, 0o700 if found.st_mode & stat.S_IXUSR else 0o600, dir_fd=to_fd)
        try:
            _content(copy, source, target, found.st_size)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _content(copy: _Copy, source: int, target: int, size: int) -> None:
    if not size:
        return
    if copy.can_reflink:
        copy.can_reflink = _tried(lambda: fcntl.ioctl(target, FICLONE, source))
        if copy.can_reflink:
            return
    if copy.can_copy_range:
        copy.can_copy_range = _tried(lambda: _by_range(source, target))
        if copy.can_copy_range:
            return
    _by_hand(source, target)


def _tried(means: Callable[[], object]) -> bool:
    """Whether this way of copying works here; a full disk and the like are raised."""
    try:
        means()
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def _by_range(source: int, target: int) -> None:
    while os.copy_file_range(source, target, _CHUNK):
        continue


def _by_hand(source: int, target: int) -> None:
    os.lseek(source, 0, os.SEEK_SET)
    os.ftruncate(target, 0)
    os.lseek(target, 0, os.SEEK_SET)
    while chunk := os.read(source, 1 << 20):
        view = memoryview(chunk)
        while view:
            view = view[os.write(target, view) :]
