"""The door's own database connections: raw, because the ORM's cost a request is twenty times the insert's.

A connection is made when it is needed and thrown away at the first error, so that a database that comes back is found
by itself. ``writing`` puts the door first among the writers of a SQLite file; ``writing_behind`` lets everybody else
go first.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import psycopg
from django.db import connections

from dct_site.kernel.fairlock import Turn, write_turn
from dct_site.kernel.sqlite.turnstile import Turnstile
from triggers.services.intake_sql import Rows, Statements, statements

Result = TypeVar("Result")

Broken = (sqlite3.OperationalError, psycopg.OperationalError)
"""The database is away, locked for too long, read-only or full: try again later."""
Refused = (sqlite3.Error, psycopg.Error)
"""Any other error of the database: it is about what was to be stored."""

_PATIENCE_S = 20.0
_PATIENCE_BEHIND_S = 0.2
_ASK_EVERY_S = 0.0003
_BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Store(Protocol):
    """A connection to the database, of one thread."""

    def reading(self) -> Statements:
        """Statements outside any transaction."""

    def writing(self) -> AbstractContextManager[Statements]:
        """A write transaction: committed when the block ends, rolled back when it raises."""

    def writing_behind(self) -> AbstractContextManager[Statements]:
        """A write transaction that gives up (raises one of Broken) rather than keep another writer waiting."""

    def close(self) -> None:
        """Give the connection back; the next use makes a new one."""


def store() -> Store:
    """A store on the database that Django is configured with."""
    django = connections["default"]
    if django.vendor == "postgresql":
        params = django.get_connection_params()
        return PostgresStore({name: params[name] for name in _POSTGRES_PARAMS if name in params})
    return SqliteStore(str(django.settings_dict["NAME"]))


class SqliteStore:
    """SQLite: WAL, ``synchronous=FULL``; BEGIN IMMEDIATE in this process's turn and, between processes, the
    turnstile.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._turnstile: Turnstile | None = None

    def reading(self) -> Statements:
        return statements("sqlite", self._execute, mark="?")

    @contextmanager
    def writing(self) -> Iterator[Statements]:
        with write_turn(Turn.DOOR), self._own_turnstile().shut(), self._transaction(_PATIENCE_S) as sql:
            yield sql

    @contextmanager
    def writing_behind(self) -> Iterator[Statements]:
        with write_turn(Turn.WORK):
            self._own_turnstile().step_through()
            with self._transaction(_PATIENCE_BEHIND_S) as sql:
                yield sql

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        turnstile, self._turnstile = self._turnstile, None
        if turnstile is not None:
            turnstile.close()

    @contextmanager
    def _transaction(self, patience_s: float) -> Iterator[Statements]:
        try:
            self._begin(patience_s)
            yield self.reading()
            self._execute("COMMIT", ())
        except BaseException:
            # Closing rolls back whatever was begun, and the next one starts from a connection that is known to work.
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            raise

    def _begin(self, patience_s: float) -> None:
        """Ask again at an own pace: SQLite's busy handler backs off to 100 ms."""
        give_up_at = time.monotonic() + patience_s
        while True:
            try:
                self._execute("BEGIN IMMEDIATE", ())
            except sqlite3.OperationalError as busy:
                code = getattr(busy, "sqlite_errorcode", 0) & 0xFF
                if code not in _BUSY_CODES or time.monotonic() > give_up_at:
                    raise
                time.sleep(_ASK_EVERY_S)
            else:
                return

    def _own_turnstile(self) -> Turnstile:
        if self._turnstile is None:
            try:
                self._turnstile = Turnstile(self._path)
            except OSError as gone:
                raise sqlite3.OperationalError(f"unable to open the turnstile: {gone}") from gone
        return self._turnstile

    def _execute(self, statement: str, values: Sequence[Any]) -> Rows:
        if self._connection is None:
            self._connection = _connect(self._path)
        cursor = self._connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]


class PostgresStore:
    """PostgreSQL: one session, made again after an error."""

    def __init__(self, params: dict[str, Any]) -> None:
        self._params = params
        self._connection: psycopg.Connection | None = None

    def reading(self) -> Statements:
        return statements("postgresql", self._ask)

    @contextmanager
    def writing(self) -> Iterator[Statements]:
        try:
            with self._begun():
                yield statements("postgresql", self._execute)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _begun(self) -> Iterator[None]:
        with ExitStack() as stack:
            self._twice(lambda: stack.enter_context(self._session().transaction()))
            yield

    def _ask(self, statement: str, values: Sequence[Any]) -> Rows:
        return self._twice(lambda: self._execute(statement, values))

    def _twice(self, call: Callable[[], Result]) -> Result:
        """Again on a new session where the one that was kept has died: PostgreSQL was started anew meanwhile."""
        was_kept = self._connection is not None
        try:
            return call()
        except psycopg.OperationalError:
            self.close()
            if not was_kept:
                raise
            return call()

    def writing_behind(self) -> AbstractContextManager[Statements]:
        return self.writing()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _session(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                **self._params,
                autocommit=True,
                connect_timeout=3,
                application_name="dct door",
                # Every statement of the door goes by an index; a plan made while a table was empty would not. A 202 is
                # a promise, whatever the server is content with for others.
                options="-c enable_seqscan=off -c synchronous_commit=on",
            )
        return self._connection

    def _execute(self, statement: str, values: Sequence[Any]) -> Rows:
        # In binary: as text, psycopg escapes each byte of each body by a regular expression (250 µs a delivery).
        cursor = self._session().execute(statement.replace("%s", "%b").encode(), values)
        return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]


_POSTGRES_PARAMS = ("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey")


def _connect(path: str) -> sqlite3.Connection:
    # mode=rw: a database that is gone is an error, not a new and empty file.
    address = f"file:{quote(path)}?mode=rw"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=0, check_same_thread=False)
    connection.executescript("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000;")
    return connection
