"""The archive: a gzipped tar with the database, the files and, last, a manifest with the checksum of each.

It appears under its name only when it is whole. What is read is looked at member by member: plain files, directories
and links below known places, nothing else.
"""

import gzip
import hashlib
import os
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from dct_site.backup.manifest import DATABASE_MEMBERS, FILES, MEMBER, Manifest, Member
from dct_site.backup.troubles import CannotRestore

LEVEL = 1  # of gzip: a higher one costs five times the processor time and saves a tenth
CHUNK = 1 << 20
LARGEST_MANIFEST = 1 << 30


class _Hashed:
    """Hashes what is read from a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


class Writer:
    """Writes an archive beside ``path``; ``finish`` gives it its name, leaving without that takes it away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, Member] = {}
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._raw = os.fdopen(descriptor, "wb")
        self._zip = gzip.GzipFile(filename="", fileobj=self._raw, mode="wb", compresslevel=LEVEL)
        self._tar = tarfile.TarFile.open(fileobj=self._zip, mode="w|", format=tarfile.PAX_FORMAT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, ValueError):  # a full disk, or finished already: what counts was said before
            self._tar.close()
            self._zip.close()
            self._raw.close()
        self._part.unlink(missing_ok=True)

    def add_file(self, name: str, file: IO[bytes], size: int, *, mode: int = 0o600, mtime: float | None = None) -> None:
        """Add ``size`` bytes of a file that does not change meanwhile."""
        hashed = _Hashed(file)
        info = self._info(name, mode, mtime)
        info.size = size
        self._tar.addfile(info, hashed)
        self.members[name] = Member(hashed.digest.hexdigest(), size)

    def add_directory(self, name: str) -> None:
        info = self._info(name, 0o700, None)
        info.type = tarfile.DIRTYPE
        self._tar.addfile(info)

    def add_link(self, name: str, target: str) -> None:
        """Add a symbolic link as such; what it leads to is not looked at."""
        info = self._info(name, 0o777, None)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(info)

    def finish(self, manifest: Manifest) -> int:
        """Write the manifest, have everything on disk, give the archive its name; returns its size in bytes."""
        raw = replace(manifest, members=self.members).as_bytes()
        info = self._info(MEMBER, 0o600, None)
        info.size = len(raw)
        self._tar.addfile(info, _Bytes(raw))
        self._tar.close()
        self._zip.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        os.link(self._part, self.path)  # never over another file
        _sync(self.path.parent)
        return self.path.stat().st_size

    @staticmethod
    def _info(name: str, mode: int, mtime: float | None) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.mode, info.mtime = mode, int(time.time() if mtime is None else mtime)
        return info


class _Bytes:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        taken, self._raw = (self._raw, b"") if size < 0 else (self._raw[:size], self._raw[size:])
        return taken


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Entry:
    """One member: ``kind`` is file, directory or link; ``read`` is there for files."""

    name: str
    kind: str
    mode: int
    mtime: int
    target: str
    read: Callable[[int], bytes]


def entries(path: Path) -> Iterator[Entry]:
    """The members in their order, the manifest last. Raises CannotRestore for what is no archive of DCT's."""
    try:
        with tarfile.open(path, mode="r|gz") as tar:
            for info in tar:
                yield _entry(tar, info)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        raise CannotRestore(f"{path} is no whole archive of ./dct backup; take another backup.") from None


def _entry(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Entry:
    kind = "file" if info.isreg() else "directory" if info.isdir() else "link" if info.issym() else ""
    parts = info.name.split("/")
    known = parts[0] == FILES if len(parts) > 1 else info.name in {MEMBER, FILES, *DATABASE_MEMBERS.values()}
    if not kind or not known or {"", ".", ".."} & set(parts) or "\0" in info.name:
        raise CannotRestore(f"the archive holds {info.name!a}, which no backup does; nothing of it was used.")
    file: Any = tar.extractfile(info) if kind == "file" else None
    return Entry(info.name, kind, info.mode, int(info.mtime), info.linkname, file.read if file else _nothing)


def _nothing(_: int) -> bytes:
    return b""


def verify(path: Path, at: Callable[[int], None]) -> Manifest:
    """Read the whole archive and compare every file with its checksum; ``at`` is told the bytes read so far.

    Raises CannotRestore.
    """
    found: dict[str, Member] = {}
    manifest: Manifest | None = None
    done = 0
    for entry in entries(path):
        if entry.name == MEMBER:
            manifest = Manifest.read(entry.read(LARGEST_MANIFEST))
        elif entry.kind == "file":
            digest, size = hashlib.sha256(), 0
            while chunk := entry.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                at(done + size)
            done += size
            found[entry.name] = Member(digest.hexdigest(), size)
    if manifest is None:
        raise CannotRestore(f"{path} is cut off: its manifest is missing; take another backup.")
    wrong = sorted(
        name for name in found.keys() | manifest.members.keys() if found.get(name) != manifest.members.get(name)
    )
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise CannotRestore(f"{wrong[0]}{more} in {path} is not what was backed up; take another backup.")
    return manifest
