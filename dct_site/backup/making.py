"""Makes a backup while work runs."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dct_site.backup import postgres, sqlite
from dct_site.backup.archive import Writer
from dct_site.backup.manifest import DATABASE_MEMBERS, POSTGRES, SQLITE, Facts, Manifest, dct_version
from dct_site.backup.trees import pack_tree
from dct_site.backup.troubles import CannotBackUp, Progress, said_plainly


def kind_of(database: Mapping[str, Any]) -> str:
    """Which of the two kinds Django's settings of a database name."""
    return SQLITE if str(database["ENGINE"]).endswith("sqlite") else POSTGRES


def file_name(now: datetime) -> str:
    """What a backup of that moment is called."""
    return f"dct-backup-{now:%Y%m%dT%H%M%SZ}.tar.gz"


def back_up(
    *, database: Mapping[str, Any], data: Path, target: Path, now: datetime, progress: Progress
) -> tuple[Manifest, int]:
    """Write the archive ``target`` (mode 0600); returns its manifest and its size in bytes. Raises CannotBackUp.

    Beside the target there is room for the database once more while it works.
    """
    if target.exists():
        raise CannotBackUp(f"{target} is there already; name another file.")
    kind = kind_of(database)
    with (
        said_plainly(CannotBackUp, str(target.parent)),
        TemporaryDirectory(prefix=".dct-backup-", dir=target.parent) as name,
        Writer(target) as writer,
    ):
        scratch = Path(name)
        progress.stage("Copying the database")
        facts, version, tool = _database(kind, database, scratch, progress)
        with (scratch / "database").open("rb") as copy:
            writer.add_file(DATABASE_MEMBERS[kind], copy, os.fstat(copy.fileno()).st_size)
        (scratch / "database").unlink()
        left_out = _files(writer, data, facts, scratch, progress)
        progress.stage("Writing it to the disk")
        manifest = Manifest(f"{now:%Y-%m-%dT%H:%M:%SZ}", dct_version(), kind, version, tool, facts, left_out)
        size = writer.finish(manifest)
    progress.over()
    return manifest, size


def _database(kind: str, database: Mapping[str, Any], scratch: Path, progress: Progress) -> tuple[Facts, str, str]:
    if kind == SQLITE:
        return sqlite.take(Path(database["NAME"]), scratch / "database", at=progress.at), sqlite.version(), ""
    return postgres.take(database, scratch / "database")


def _files(writer: Writer, data: Path, facts: Facts, scratch: Path, progress: Progress) -> list[str]:
    """After the database: whatever its rows name was there before them, and directories do not go away."""
    progress.stage(f"Copying files of {len(facts.trees)} workspaces and templates")
    left_out: list[str] = []
    for tree in facts.trees:
        left_out += pack_tree(
            writer, data, tree, scratch=scratch, at=lambda: progress.at(f"({len(writer.members) - 1} files)")
        )
    return left_out
