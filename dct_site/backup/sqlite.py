"""A SQLite database as it was at one moment, while others write to it; and put in place of another."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from dct_site.backup.facts import ask_for_facts
from dct_site.backup.manifest import Facts
from dct_site.backup.troubles import CannotBackUp, CannotRestore

PAGES = 4096
BUSY_S = 20.0
BESIDE = ("-wal", "-shm")


def version() -> str:
    return sqlite3.sqlite_version


def take(database: Path, target: Path, *, at: Callable[[str], None]) -> Facts:
    """Copy what is committed at this moment into the new file ``target``; nobody waits for it. Raises CannotBackUp.

    The reading transaction pins one state: without it SQLite's backup begins again with every write of another process,
    and never ends beside a busy door.
    """
    if not database.is_file():
        raise CannotBackUp(f"there is no database {database}; name the data directory with --data.")
    try:
        with (
            closing(
                sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None)
            ) as source,
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
        ):
            source.execute("BEGIN")
            source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            source.backup(
                copy, pages=PAGES, progress=lambda _, left, total: at(f"{100 * (total - left) // max(1, total)} %")
            )
            source.execute("COMMIT")
            copy.execute("PRAGMA journal_mode=DELETE").fetchone()
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise CannotBackUp(f"the database is damaged ({found}); restore an older backup.")
            return ask_for_facts(copy.execute)
    except sqlite3.Error as error:
        raise CannotBackUp(f"the database {database} cannot be read ({error}).") from error


def is_empty(database: Path) -> bool:
    """Whether there is nothing to lose. Raises CannotRestore where that cannot be said."""
    if not database.exists() or not database.stat().st_size:
        return True
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as found:
            return not found.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error:
        return False


def put(fresh: Path, database: Path, *, aside: Path) -> None:
    """Put the file ``fresh`` in the database's place; the old one goes into the directory ``aside``.

    Whoever calls it knows that nobody has the database open. Raises CannotRestore.
    """
    try:
        for name in (*(database.name + end for end in BESIDE), database.name):
            # The log before its database: a new database beside an old log would be damaged by it.
            old = database.with_name(name)
            if old.exists():
                aside.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.move(old, aside / name)
        shutil.move(fresh, database)
        database.chmod(0o600)
    except OSError as error:
        raise CannotRestore(
            f"the database could not be put in place ({error.strerror}); the old one lies in {aside}."
        ) from error
