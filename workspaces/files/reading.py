"""Reads files of a workspace: bounded listings, ranges, checksums."""

import hashlib
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from workspaces.files.names import parts_of
from workspaces.files.opening import directory, plain_file, subdirectory
from workspaces.files.troubles import FileTrouble, NotAFile, TooMany, said_plainly

LISTED = 10_000
DEPTH = 64
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One thing in a tree: its path below the root, size in bytes, time of change, and what it is.

    ``kind`` is ``file``, ``directory``, ``link`` or ``other``; links are listed, never followed.
    """

    path: str
    kind: str
    size: int
    changed_at: datetime


@dataclass(frozen=True)
class Listing:
    """Entries in the order of their paths; ``is_cut`` where there were more than the limit."""

    entries: list[Entry]
    is_cut: bool


def open_inside(root: Path, relative: str) -> BinaryIO:
    """The plain file at ``relative`` below ``root``, open for reading; the caller closes it.

    Raises BadPath, Missing or NotAFile.
    """
    *above, name = parts_of(relative)
    with directory(root, above) as parent:
        fd = plain_file(parent, name, shown=relative)
    return os.fdopen(fd, "rb")


def size_of(root: Path, relative: str) -> int:
    """Size in bytes of a plain file."""
    with open_inside(root, relative) as file:
        return os.fstat(file.fileno()).st_size


def read_range(root: Path, relative: str, *, start: int = 0, length: int = 256 * 1024) -> bytes:
    """Up to ``length`` bytes from ``start``; fewer at the end of the file."""
    with open_inside(root, relative) as file:
        file.seek(start)
        return file.read(length)


def read_all(root: Path, relative: str, *, limit: int = 16 * 1024 * 1024) -> bytes:
    """The whole file; NotAFile where it is larger than ``limit`` bytes."""
    with open_inside(root, relative) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NotAFile(f"{relative} has more than {limit:,} bytes.")
    return content


def checksum(root: Path, relative: str) -> str:
    """SHA-256 of a plain file as hex digits, read in chunks."""
    digest = hashlib.sha256()
    with open_inside(root, relative) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def list_tree(root: Path, relative: str = "", *, limit: int = LISTED) -> Listing:
    """What lies below ``relative`` (the root itself when empty), at most ``limit`` entries."""
    above = parts_of(relative) if relative else ()
    found: list[Entry] = []
    is_cut = False
    with directory(root, above) as top:
        try:
            _walk(top, "/".join(above), found, limit, depth=len(above))
        except TooMany:
            is_cut = True
    return Listing(sorted(found, key=lambda entry: entry.path.split("/")), is_cut)


def _walk(fd: int, prefix: str, found: list[Entry], limit: int, *, depth: int) -> None:
    if depth > DEPTH:
        raise TooMany("Directories lie more than 64 deep.")
    with os.scandir(fd) as entries:
        for entry in entries:
            if len(found) >= limit:
                raise TooMany(f"There are more than {limit:,} entries.")
            name = entry.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            path = f"{prefix}/{name}" if prefix else name
            status = _status(entry)
            if status is None:
                continue
            found.append(_entry(path, status))
            if stat.S_ISDIR(status.st_mode):
                _descend(fd, entry.name, path, found, limit, depth=depth)


def _descend(fd: int, name: str, path: str, found: list[Entry], limit: int, *, depth: int) -> None:
    try:
        with said_plainly(path):
            below = subdirectory(fd, name)
    except (FileTrouble, PermissionError):  # swapped, closed or gone since it was listed
        return
    try:
        _walk(below, path, found, limit, depth=depth + 1)
    finally:
        os.close(below)


def _status(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # an agent at work deletes files while we list them
        return None


def _entry(path: str, status: os.stat_result) -> Entry:
    kind = "other"
    for is_kind, word in ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link")):
        if is_kind(status.st_mode):
            kind = word
    return Entry(path, kind, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
