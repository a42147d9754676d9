"""A PostgreSQL database as it was at one moment, by its own pg_dump; and loaded into another by pg_restore."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq, sql

from dct_site.backup.facts import ask_for_facts
from dct_site.backup.manifest import Facts
from dct_site.backup.troubles import CannotBackUp, CannotRestore

PATIENCE_S = 5
ADVICE = "on Debian: apt install postgresql-client"
_ENVIRONMENT = {
    keyword.keyword.decode(): keyword.envvar.decode() for keyword in pq.Conninfo.get_defaults() if keyword.envvar
}


class Server:
    """The database that Django's settings of it name, past the pool."""

    def __init__(self, settings: Mapping[str, Any], trouble: type[Exception]) -> None:
        """``trouble`` is raised where something cannot be done."""
        self._trouble = trouble
        options = {name: value for name, value in settings.get("OPTIONS", {}).items() if name in _ENVIRONMENT}
        named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        self.parameters = {**options, **{key: settings[name] for key, name in named.items() if settings.get(name)}}

    @contextmanager
    def connected(self) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        """A connection that commits each statement."""
        try:
            with psycopg.connect(**{"connect_timeout": PATIENCE_S, **self.parameters}, autocommit=True) as connection:
                yield connection
        except psycopg.OperationalError as error:
            told = (str(error).strip().splitlines() or ["unknown error"])[0]
            raise self._trouble(f"the database does not answer ({told}); look at DCT_DATABASE_URL.") from None

    def tool(self, name: str, *, at_least: int, what: str) -> str:
        """The path of pg_dump or pg_restore, which must not be older than what it works on."""
        path = shutil.which(name)
        if path is None:
            raise self._trouble(
                f"there is no {name}; install PostgreSQL's client programs, {at_least} or newer ({ADVICE})."
            )
        if tool_major(path) < at_least:
            raise self._trouble(
                f"{name} is of version {tool_major(path)}, {what} of {at_least}; "
                f"install client programs of {at_least} or newer ({ADVICE}-{at_least})."
            )
        return path

    def run(self, argv: list[str]) -> None:
        """Run one of PostgreSQL's programs; the password goes by its environment, which others cannot see."""
        environment = {_ENVIRONMENT[name]: str(value) for name, value in self.parameters.items()}
        done = subprocess.run(argv, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        if done.returncode:
            told = " ".join(done.stderr.split())[-500:] or f"exit code {done.returncode}"
            raise self._trouble(f"{Path(argv[0]).name} failed: {told}")


def tool_major(path: str) -> int:
    """The major version that a program of PostgreSQL says; 0 where it says none."""
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)(?:\.\d+|devel|beta|rc)", told)
    return int(found.group(1)) if found else 0


def take(settings: Mapping[str, Any], target: Path) -> tuple[Facts, str, str]:
    """Dump one snapshot into the new file ``target``; facts of the same snapshot, the server's and the tool's version.

    Raises CannotBackUp.
    """
    server = Server(settings, CannotBackUp)
    with server.connected() as connection:
        major, minor = divmod(connection.info.server_version, 10_000)
        tool = server.tool("pg_dump", at_least=major, what="the server")
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            ((snapshot,),) = connection.execute("SELECT pg_export_snapshot()").fetchall()
            facts = ask_for_facts(lambda query: connection.execute(query.encode()))
            words = ["--format=custom", "--compress=1", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
            server.run([tool, *words, "--file", str(target)])
    return facts, f"{major}.{minor}", f"pg_dump {tool_major(tool)}"


def is_empty(settings: Mapping[str, Any]) -> bool:
    with Server(settings, CannotRestore).connected() as connection:
        return not _tables(connection)


def sessions(settings: Mapping[str, Any]) -> int:
    """How many others are connected to the database."""
    with Server(settings, CannotRestore).connected() as connection:
        row = connection.execute(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        ).fetchone()
    return int(row[0]) if row else 0


def check(settings: Mapping[str, Any], *, made_by: str, made_of: str) -> str:
    """The pg_restore that reads a dump; refuses a server that is older than the one it was made of."""
    server = Server(settings, CannotRestore)
    wanted = int(made_of.partition(".")[0])
    with server.connected() as connection:
        major = connection.info.server_version // 10_000
    if major < wanted:
        raise CannotRestore(f"the backup is of PostgreSQL {wanted}, this server is {major}; use {wanted} or newer.")
    return server.tool("pg_restore", at_least=int(made_by.rpartition(" ")[2]), what="the archive")


def put(settings: Mapping[str, Any], dump: Path, *, tool: str) -> None:
    """Drop the tables that are there, then load the dump in one transaction. Raises CannotRestore."""
    server = Server(settings, CannotRestore)
    with server.connected() as connection, connection.transaction():
        for name in _tables(connection):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(name)))
    words = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    server.run([tool, *words, "--dbname", str(server.parameters["dbname"]), str(dump)])


def _tables(connection: "psycopg.Connection[tuple[Any, ...]]") -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")
    return [name for (name,) in rows.fetchall()]
