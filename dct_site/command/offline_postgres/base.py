"""The database backend behind it, loaded by Django by its name."""

from contextlib import nullcontext
from typing import Any

from django.db.backends.postgresql import base, introspection, operations
from django.utils.functional import cached_property
from psycopg.sql import Literal


class NothingThere(introspection.DatabaseIntrospection):
    """A database without tables: no migration has been applied."""

    def table_names(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return no table."""
        return []


class Operations(operations.DatabaseOperations):
    """Those of PostgreSQL, with values written into statements here instead of by a connection."""

    def compose_sql(self, sql: str, params: Any) -> str:
        """Return the statement with its parameters as literals."""
        return sql % tuple(Literal(each).as_string() for each in params) if params else sql


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that never connects."""

    introspection_class = NothingThere
    ops_class = Operations

    def ensure_connection(self) -> None:
        """Connect to nothing."""

    def schema_editor(self, *args: Any, **kwargs: Any) -> Any:
        """Return the editor without a transaction around it: there is nobody to begin one with."""
        return super().schema_editor(*args, **{**kwargs, "atomic": False})

    def cursor(self) -> Any:
        """Return a cursor that can only be closed."""
        return nullcontext()

    @cached_property
    def pg_version(self) -> int:
        """Return that of the oldest server that DCT supports, 15.0, in the server's own numbering."""
        return 150000
