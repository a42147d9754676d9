"""Puts a backup in place: looked at whole before anything is touched, then database and files, then laid to rest."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dct_site.backup import postgres, sqlite
from dct_site.backup.archive import CHUNK, Entry, entries, verify
from dct_site.backup.making import kind_of
from dct_site.backup.manifest import DATABASE_MEMBERS, MEMBER, POSTGRES, SQLITE, Manifest
from dct_site.backup.trees import unpack_entry
from dct_site.backup.troubles import CannotRestore, Progress, said_plainly
from workspaces.files.troubles import FileTrouble
from workspaces.files.writing import remove_tree

TREES = ("templates", "workspaces")
UNFINISHED = "restore-unfinished"
"""A file in the data directory from before the first change until everything is laid to rest; DCT does not start while
it is there.
"""


@dataclass(frozen=True)
class Target:
    """Where to: Django's settings of the database, and the data directory, which the caller holds for itself."""

    database: Mapping[str, Any]
    data: Path


def look_at(archive: Path, target: Target, *, known: set[str], is_forced: bool, progress: Progress) -> Manifest:
    """Whether this archive can go there, changing nothing. ``known`` are the migrations of this code as ``app.name``.

    Raises CannotRestore.
    """
    if not archive.is_file():
        raise CannotRestore(f"there is no file {archive}.")
    progress.stage("Looking at every checksum")
    with said_plainly(CannotRestore, str(archive)):
        manifest = verify(archive, lambda size: progress.at(f"({size >> 20} MB)"))
    progress.over()
    kind = kind_of(target.database)
    if manifest.database != kind:
        raise CannotRestore(
            f"the backup is of {_NAMES[manifest.database]} and DCT_DATABASE_URL names {_NAMES[kind]}; "
            "a backup goes back into a database of its own kind."
        )
    newer = sorted(set(manifest.facts.migrations) - known)
    if newer:
        raise CannotRestore(
            f"the backup was made by a newer DCT (this one does not know {newer[0]}); update this one first."
        )
    if kind == POSTGRES:
        postgres.check(target.database, made_by=manifest.tool, made_of=manifest.database_version)
        others = postgres.sessions(target.database)
        if others:
            raise CannotRestore(f"{others} sessions are connected to the database; stop every process of DCT first.")
    if not is_forced and not _is_empty(target, kind):
        raise CannotRestore(
            f"{target.data} or its database is not empty; use another place, or replace what is there with --force."
        )
    return manifest


_NAMES = {SQLITE: "SQLite", POSTGRES: "PostgreSQL"}


def put_in_place(archive: Path, target: Target, manifest: Manifest, *, now: datetime, progress: Progress) -> Path:
    """Replace database and files; what was there as files lies in the returned directory, which may not exist.

    Afterwards nothing starts before ``finished`` was called. Raises CannotRestore.
    """
    fresh, aside = target.data / f".restore-{os.getpid()}", target.data / f"replaced-{now:%Y%m%dT%H%M%SZ}"
    with said_plainly(CannotRestore, str(target.data)):
        try:
            fresh.mkdir(mode=0o700)
            progress.stage("Unpacking")
            _unpack(archive, fresh, len(manifest.members), progress)
            (target.data / UNFINISHED).touch(mode=0o600)
            progress.stage("Putting it in place")
            _put_database(fresh, target, manifest, aside)
            for name in TREES:
                _put_tree(fresh / name, target.data / name, aside / name)
        finally:
            remove_tree(fresh)
    progress.over()
    return aside


def finished(data: Path) -> None:
    """DCT may start again."""
    (data / UNFINISHED).unlink(missing_ok=True)


def _is_empty(target: Target, kind: str) -> bool:
    if any((target.data / name).is_dir() and any((target.data / name).iterdir()) for name in TREES):
        return False
    return sqlite.is_empty(Path(target.database["NAME"])) if kind == SQLITE else postgres.is_empty(target.database)


def _unpack(archive: Path, fresh: Path, total: int, progress: Progress) -> None:
    done = 0
    for entry in entries(archive):
        if entry.name == MEMBER:
            continue
        done += entry.kind == "file"
        try:
            _database_or_tree(entry, fresh)
        except (FileTrouble, FileExistsError) as trouble:
            raise CannotRestore(f"the archive holds {entry.name!a} in a way that no backup does ({trouble}).") from None
        progress.at(f"({done} of {total})")


def _database_or_tree(entry: Entry, fresh: Path) -> None:
    if entry.name not in DATABASE_MEMBERS.values():
        unpack_entry(entry, fresh)
        return
    with (fresh / entry.name).open("xb") as file:
        while chunk := entry.read(CHUNK):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _put_database(fresh: Path, target: Target, manifest: Manifest, aside: Path) -> None:
    file = fresh / DATABASE_MEMBERS[manifest.database]
    if manifest.database == SQLITE:
        place = Path(target.database["NAME"])
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sqlite.put(file, place, aside=aside)
        return
    tool = postgres.check(target.database, made_by=manifest.tool, made_of=manifest.database_version)
    postgres.put(target.database, file, tool=tool)


def _put_tree(fresh: Path, place: Path, aside: Path) -> None:
    if place.exists():
        aside.parent.mkdir(mode=0o700, exist_ok=True)
        os.rename(place, aside)
    fresh.mkdir(mode=0o700, exist_ok=True)
    os.rename(fresh, place)
