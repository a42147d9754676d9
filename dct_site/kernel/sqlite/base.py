"""SQLite as DCT uses it: writers of one process take turns in a fair queue before they ask the file for its lock.

SQLite's own waiting is a back-off without order: a busy engine thread can starve the door for a second. Inside a
process the turn is handed over in order, the door first; between processes everybody steps through the turnstile that
the door may hold shut, and the file's lock decides the rest.
"""

from functools import lru_cache
from sqlite3 import dbapi2
from typing import Any

from django.db.backends.sqlite3 import base

from dct_site.kernel.fairlock import Turn, turns
from dct_site.kernel.sqlite.turnstile import Turnstile


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes a turn when a transaction begins and gives it back when it ends, however it ends."""

    vendor = "sqlite"
    display_name = "SQLite"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turn: Any = None
        self._turnstile: Turnstile | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if self._turnstile is not None:
            self._turnstile.close()
        self._turnstile = None if self.is_in_memory_db() else Turnstile(str(self.settings_dict["NAME"]))
        return connection

    def create_cursor(self, name: Any = None) -> Any:  # noqa: ARG002 - only PostgreSQL names cursors
        return self.connection.cursor(factory=Cursor)

    def _start_transaction_under_autocommit(self) -> None:
        self._turn = turns.take(Turn.WORK)
        try:
            if self._turnstile is not None:
                self._turnstile.step_through()
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._give_back()
            raise

    def _commit(self) -> Any:
        try:
            return super()._commit()  # type: ignore[misc]
        finally:
            self._give_back()

    def _rollback(self) -> Any:
        try:
            return super()._rollback()  # type: ignore[misc]
        finally:
            self._give_back()

    def _close(self) -> Any:
        try:
            return super()._close()  # type: ignore[misc]
        finally:
            self._give_back()
            if self._turnstile is not None:
                self._turnstile.close()
                self._turnstile = None

    def _give_back(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()


class Cursor(base.SQLiteCursorWrapper):
    """Rewrites the placeholders of a statement once, not each time."""

    def execute(self, query: str, params: Any = None) -> Any:
        if type(params) in (list, tuple) and len(query) <= _LONGEST_KEPT:
            return dbapi2.Cursor.execute(self, _with_question_marks(query), params)
        return super().execute(query, params)


_LONGEST_KEPT = 20_000


@lru_cache(maxsize=512)
def _with_question_marks(query: str) -> str:
    return str(base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%"))
