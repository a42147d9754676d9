"""How values get to the database and back, as the ORM would have them, decided once for a column.

Most take no change at all. A time and a JSON value on SQLite take one that costs a fraction of the ORM's: what the
quick way cannot do is left to the slow one.
"""

import json
from collections.abc import Callable
from datetime import UTC
from typing import Any

import msgspec
from django.db import connection, models
from django.db.backends.base.operations import BaseDatabaseOperations

Way = Callable[[Any, BaseDatabaseOperations], Any]
Back = Callable[[Any], Any]

_AS_THEY_ARE = frozenset(
    {
        *("AutoField", "BigAutoField", "BigIntegerField", "IntegerField", "PositiveBigIntegerField"),
        *("PositiveIntegerField", "PositiveSmallIntegerField", "SmallIntegerField"),
        *("BooleanField", "CharField", "TextField", "URLField"),
    }
)
"""Fields, by their internal type, whose values the database's client takes as they are."""


def way_to(field: "models.Field[Any, Any]", vendor: str) -> Way | None:
    """What to do to a value of a field, other than None, on its way to the database; None: nothing."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if field.get_internal_type() in _AS_THEY_ARE and type(field).__module__.startswith("django."):
        return None
    if isinstance(field, models.DateTimeField):
        return _moment_text if vendor == "sqlite" else lambda value, ops: ops.adapt_datetimefield_value(value)
    if isinstance(field, models.JSONField):
        if vendor == "sqlite" and field.encoder is None:
            return _json_text
        return lambda value, ops: ops.adapt_json_value(value, field.encoder)
    return lambda value, ops: field.get_db_prep_save(value, ops.connection)


def way_back(field: "models.Field[Any, Any]", table: str) -> Back | None:
    """What to do to what the database tells of a field; None: nothing."""
    sqlite = connection.vendor == "sqlite"
    if sqlite and type(field) is models.DateTimeField:
        return _moment
    if sqlite and type(field) is models.JSONField and field.decoder is None:
        return _json_value
    column = field.get_col(table)
    changes = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]

    def changed(value: Any) -> Any:
        for change in changes:
            value = change(value, column, connection)
        return value

    return changed if changes else None


def _moment_text(value: Any, ops: BaseDatabaseOperations) -> Any:
    if value.tzinfo is UTC:
        return str(value.replace(tzinfo=None))
    return ops.adapt_datetimefield_value(value)


def _moment(value: Any) -> Any:
    # Django's own converter of the column's declared type has read the text.
    return value if value is None else value.replace(tzinfo=UTC)


def _json_text(value: Any, ops: BaseDatabaseOperations) -> Any:
    # A number that is not finite becomes null; from outside there is none (``safe_json``).
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        return ops.adapt_json_value(value, None)
    # Whatever is not ASCII is stored escaped, as the standard library does.
    return text.decode() if text.isascii() else ops.adapt_json_value(value, None)


def _json_value(value: Any) -> Any:
    if value is None:
        return None
    try:
        return _decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return json.loads(value)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
