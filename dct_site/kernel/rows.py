"""Rows written and read without asking the ORM how, for the ways where every event comes by.

``bulk_create`` asks every field of every row how it wants to be written, through expressions that could be there: 60 to
100 µs of CPU a row, with the write lock held. What is asked here once for a model is its columns and which of them need
a change on the way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models
from django.db.backends.base.operations import BaseDatabaseOperations

Row = TypeVar("Row", bound=models.Model)
Way = Callable[[Any, BaseDatabaseOperations], Any]
Ways = list[tuple[str, Way | None]]

MOST_VALUES = 30_000
"""In one statement: SQLite takes 32,766 unless it was built otherwise, PostgreSQL 65,535."""
_AS_THEY_ARE = frozenset(
    {
        *("AutoField", "BigAutoField", "BigIntegerField", "IntegerField", "PositiveBigIntegerField"),
        *("PositiveIntegerField", "PositiveSmallIntegerField", "SmallIntegerField"),
        *("BooleanField", "CharField", "TextField", "URLField"),
    }
)
"""Fields, by their internal type, whose values the database's client takes as they are."""


def insert(rows: Iterable[Row]) -> list[Row]:
    """Insert new rows of one model and give each its primary key; the same rows in a list.

    For rows whose values are of the types that their fields hold: no expressions, no ``pre_save`` (auto_now) and no
    signals. A column whose only default is the database's is left to it. Raises IntegrityError.
    """
    made = list(rows)
    if not made:
        return made
    plan = _plan(type(made[0]), connection.vendor, made[0].pk is None)
    most = max(1, MOST_VALUES // len(plan.columns))
    with connection.cursor() as cursor:
        for start in range(0, len(made), most):
            part = made[start : start + most]
            cursor.execute(plan.statement(len(part)), plan.values(part))
            for row, (pk,) in zip(part, cursor.fetchall(), strict=True):
                row.pk = pk
                row._state.adding, row._state.db = False, connection.alias
    return made


def update(rows: Iterable[models.Model], names: Sequence[str]) -> None:
    """Write these fields of rows of one model, known by their primary keys."""
    changed = list(rows)
    if not changed:
        return
    model, ops = type(changed[0]), connection.ops
    quote = ops.quote_name
    fields = [model._meta.get_field(name) for name in names]
    ways = _ways(fields)
    columns = ", ".join(f"{quote(_column(field))} = %s" for field in fields)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {columns} WHERE {quote(_column(model._meta.pk))} = %s"  # noqa: S608 - names of models
    with connection.cursor() as cursor:
        cursor.executemany(statement, [[*_values(row, ways, ops), row.pk] for row in changed])


def swap(row: models.Model, values: Mapping[str, Any], *, where: Mapping[str, Any]) -> bool:
    """Write these fields of one row if it still holds what ``where`` says of others; whether it did.

    By names of fields; no expressions. The row in memory stays as it is.
    """
    plan = _swap_plan(type(row), connection.vendor, tuple(values), tuple(where))
    given = [*values.values(), row.pk, *where.values()]
    ops = connection.ops
    with connection.cursor() as cursor:
        cursor.execute(
            plan.statement, [_prepared(value, way, ops) for value, way in zip(given, plan.ways, strict=True)]
        )
        return bool(cursor.rowcount == 1)


def found(model: type[Row], where: str, values: Sequence[Any]) -> list[Row]:
    """The rows of a model that a condition in SQL holds for (``%s`` for each value), as the ORM would have read them.

    A queryset takes 0.3 ms of CPU to be written, whatever it finds.
    """
    plan = _read_plan(model, connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(f"{plan.head} WHERE {where}", values)
        return [plan.row(columns) for columns in cursor.fetchall()]


class _ReadPlan:
    """How rows of a model are read from one kind of database."""

    def __init__(self, model: type[models.Model]) -> None:
        table, quote = model._meta.db_table, connection.ops.quote_name
        fields = model._meta.concrete_fields
        columns = ", ".join(f"{quote(table)}.{quote(_column(field))}" for field in fields)
        self.head = f"SELECT {columns} FROM {quote(table)}"  # noqa: S608 - names of models
        self._model = model
        self._names = [field.attname for field in fields]
        self._changes: list[tuple[int, Any, Any]] = [
            (at, change, column)
            for at, column in enumerate(field.get_col(table) for field in fields)
            for change in (*connection.ops.get_db_converters(column), *column.field.get_db_converters(connection))
        ]

    def row(self, columns: Iterable[Any]) -> Any:
        values = list(columns)
        for at, change, column in self._changes:
            values[at] = change(values[at], column, connection)
        return self._model.from_db(connection.alias, self._names, values)


@cache
def _read_plan(model: type[models.Model], vendor: str) -> _ReadPlan:  # noqa: ARG001 - one for each vendor
    return _ReadPlan(model)


@dataclass(frozen=True, slots=True)
class _SwapPlan:
    """An UPDATE of one row, and how each of its values gets to the database."""

    statement: str
    ways: list[Way | None]


@cache
def _swap_plan(
    model: type[models.Model],
    vendor: str,  # noqa: ARG001 - one for each vendor
    values: tuple[str, ...],
    where: tuple[str, ...],
) -> _SwapPlan:
    meta, quote = model._meta, connection.ops.quote_name
    written: list[Any] = [meta.get_field(name) for name in values]
    asked: list[Any] = [meta.pk, *(meta.get_field(name) for name in where)]
    columns = ", ".join(f"{quote(_column(field))} = %s" for field in written)
    condition = " AND ".join(f"{quote(_column(field))} = %s" for field in asked)
    statement = f"UPDATE {quote(meta.db_table)} SET {columns} WHERE {condition}"  # noqa: S608 - names of models
    return _SwapPlan(statement, [_way(field) for field in (*written, *asked)])


def _prepared(value: Any, way: Way | None, ops: BaseDatabaseOperations) -> Any:
    if isinstance(value, models.Model):
        value = value.pk
    return value if way is None or value is None else way(value, ops)


class _Plan:
    """How rows of a model are written to one kind of database."""

    def __init__(self, model: type[models.Model], *, numbers_itself: bool) -> None:
        pk = model._meta.pk
        fields = [
            field
            for field in model._meta.concrete_fields
            if (field.has_default() or not field.has_db_default()) and not (numbers_itself and field is pk)
        ]
        quote = connection.ops.quote_name
        self.columns = [_column(field) for field in fields]
        self._head = f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(map(quote, self.columns))}) VALUES "  # noqa: S608 - names of models
        self._one = f"({', '.join(['%s'] * len(fields))})"
        self._tail = f" RETURNING {quote(_column(pk))}"
        self._ways = _ways(fields)

    def statement(self, count: int) -> str:
        return self._head + ", ".join([self._one] * count) + self._tail

    def values(self, rows: Iterable[models.Model]) -> list[Any]:
        ops = connection.ops  # of this thread's connection
        return [value for row in rows for value in _values(row, self._ways, ops)]


@cache
def _plan(model: type[models.Model], vendor: str, numbers_itself: bool) -> _Plan:  # noqa: ARG001 - one for each vendor
    return _Plan(model, numbers_itself=numbers_itself)


def _column(field: Any) -> str:
    return str(field.column)


def _ways(fields: Iterable[Any]) -> Ways:
    return [(field.attname, _way(field)) for field in fields]


def _values(row: models.Model, ways: Ways, ops: BaseDatabaseOperations) -> list[Any]:
    held = row.__dict__
    return [held[name] if way is None or held[name] is None else way(held[name], ops) for name, way in ways]


def _way(field: "models.Field[Any, Any]") -> Way | None:
    """What to do to a value, other than None, on its way to the database; None: nothing."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if field.get_internal_type() in _AS_THEY_ARE and type(field).__module__.startswith("django."):
        return None
    if isinstance(field, models.DateTimeField):
        return lambda value, ops: ops.adapt_datetimefield_value(value)
    if isinstance(field, models.JSONField):
        return lambda value, ops: ops.adapt_json_value(value, field.encoder)
    return lambda value, ops: field.get_db_prep_save(value, ops.connection)
