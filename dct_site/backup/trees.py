"""Files of workspaces and templates into the archive and out of it, while agents write: component by component, links
never followed.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile

from dct_site.backup.archive import CHUNK, Entry, Writer
from dct_site.backup.manifest import FILES
from workspaces.files.opening import directory, subdirectory
from workspaces.files.troubles import Missing

IN_MEMORY = 8 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_SWAPPED_OR_CLOSED = frozenset({errno.ELOOP, errno.ENXIO, errno.EACCES})
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def pack_tree(writer: Writer, data: Path, tree: str, *, scratch: Path, at: Callable[[], None]) -> list[str]:
    """Add the directory ``tree`` (relative to ``data``); returns what was left out, nothing where it is not there.

    Left out are devices, pipes, and files with a further name outside of the tree: an agent could have given one to a
    file that is none of its business.
    """
    try:
        with directory(data, tree.split("/")) as top:
            names = Counter(_inodes(top))
            left_out: list[str] = []
            writer.add_directory(f"{FILES}/{tree}")
            _pack(writer, top, tree, names, left_out, scratch, at)
    except Missing:
        return []
    return left_out


def _inodes(top: int) -> Iterator[tuple[int, int]]:
    for _, _, files, below in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        for name in files:
            with suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=below, follow_symlinks=False)
                if found.st_nlink > 1:
                    yield (found.st_dev, found.st_ino)


def _pack(writer: Writer, fd: int, path: str, names: Counter[tuple[int, int]], left_out: list[str], scratch: Path,
          at: Callable[[], None]) -> None:  # fmt: skip
    for name in sorted(os.listdir(fd)):
        inner = f"{path}/{name}"
        try:
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                below = subdirectory(fd, name)
                try:
                    writer.add_directory(f"{FILES}/{inner}")
                    _pack(writer, below, inner, names, left_out, scratch, at)
                finally:
                    os.close(below)
            elif stat.S_ISLNK(found.st_mode):
                writer.add_link(f"{FILES}/{inner}", os.readlink(name, dir_fd=fd))
            elif not _pack_file(writer, fd, name, inner, names, scratch):
                left_out.append(inner)
        except (FileNotFoundError, NotADirectoryError):  # an agent at work took it away since it was listed
            continue
        except OSError as error:
            if error.errno not in _SWAPPED_OR_CLOSED:
                raise
            left_out.append(inner)
        at()


def _pack_file(writer: Writer, fd: int, name: str, path: str, names: Counter[tuple[int, int]], scratch: Path) -> bool:
    """Copied first, then added: it may grow or shrink while it is read. False where it is no plain file of the tree."""
    descriptor = os.open(name, _READ, dir_fd=fd)
    with os.fdopen(descriptor, "rb") as file, SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(scratch)) as copy:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > max(1, names[found.st_dev, found.st_ino]):
            return False
        left = found.st_size
        while left and (chunk := file.read(min(CHUNK, left))):
            copy.write(chunk)
            left -= len(chunk)
        size = copy.tell()
        copy.seek(0)
        writer.add_file(f"{FILES}/{path}", copy, size, mode=found.st_mode & 0o700, mtime=found.st_mtime)
    return True


def unpack_entry(entry: Entry, root: Path) -> None:
    """Make one member below ``root``, which holds nothing but what came of the archive."""
    _, *parts = entry.name.split("/")
    if entry.kind == "directory":
        with directory(root, parts, create=True):
            return
    *above, name = parts
    with directory(root, above, create=True) as parent:
        if entry.kind == "link":
            os.symlink(entry.target, name, dir_fd=parent)
            return
        descriptor = os.open(name, _CREATE, 0o600 | (entry.mode & stat.S_IXUSR), dir_fd=parent)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := entry.read(CHUNK):
                file.write(chunk)
            file.flush()
            os.utime(file.fileno(), (entry.mtime, entry.mtime))
