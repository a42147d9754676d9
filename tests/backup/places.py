"""A second installation to restore into: an own data directory and an own, empty database of the kind of this pass."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

from tests.triggers.services.doomed import database_url

RESTORER = Path(__file__).with_name("restorer.py")


@dataclass(frozen=True)
class Place:
    """``url`` is empty for SQLite in the data directory."""

    data: Path
    url: str

    def restore(self, archive: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """``./dct restore`` and ``./dct doctor --invariants``, under the keys of this process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DCT_", "DJANGO_"))}
        told = {
            "DCT_DATA_DIR": str(self.data),
            "DCT_ENCRYPTION_KEYS": settings.DCT_ENCRYPTION_KEYS,
            "DJANGO_SETTINGS_MODULE": "dct_site.settings",
            **({"DCT_DATABASE_URL": self.url} if self.url else {}),
        }
        program = [sys.executable, str(RESTORER), str(archive), *words]
        return subprocess.run(program, env=kept | told, capture_output=True, text=True, timeout=120, check=False)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """One query to the restored database, past Django."""
        if self.url:
            with psycopg.connect(self.url) as found:
                return found.execute(query.encode()).fetchall()
        with closing(sqlite3.connect(self.data / "dct.sqlite3")) as kept:
            return kept.execute(query).fetchall()


@contextmanager
def another_place(directory: Path) -> Iterator[Place]:
    """An empty place, taken away afterwards."""
    if connection.vendor == "sqlite":
        yield Place(directory, "")
        return
    server, _, name = database_url().rpartition("/")
    fresh = sql.Identifier(f"{name}_restored")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(fresh))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(fresh))
        try:
            yield Place(directory, f"{server}/{name}_restored")
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(fresh))
