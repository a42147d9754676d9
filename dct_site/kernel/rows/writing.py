"""Rows inserted many at once, updated, and swapped one at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.base.operations import BaseDatabaseOperations

from dct_site.kernel.rows.cursors import cursor
from dct_site.kernel.rows.making import Row
from dct_site.kernel.rows.values import Way, way_to

Ways = Sequence[tuple[str, Way | None]]

MOST_VALUES = 30_000
"""In one statement: SQLite takes 32,766 unless it was built otherwise, PostgreSQL 65,535."""


def insert(rows: Iterable[Row]) -> list[Row]:
    """Insert new rows of one model and give each its primary key; the same rows in a list.

    For rows whose values are of the types that their fields hold: no expressions, no ``pre_save`` (auto_now) and no
    signals. A column whose only default is the database's is left to it. Raises IntegrityError.
    """
    made = list(rows)
    if not made:
        return made
    database = connections[DEFAULT_DB_ALIAS]  # this thread's, looked for once
    plan = _row_plan(type(made[0]), database.vendor, made[0].pk is None)
    keys = _inserted(plan.insert, [_values(row.__dict__, plan.ways, database.ops) for row in made])
    for row, key in zip(made, keys, strict=True):
        row.__dict__[plan.key] = key
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return made


def append(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[int]:
    """Insert new rows given by the values of these fields (names of columns as attributes: ``event_id``); their
    primary keys, in order.

    As ``insert``, for rows that nobody needs as objects. Fields that are not named take their default, and one whose
    default is made anew each time (a clock's) must be named: raises ValueError. Raises IntegrityError.
    """
    database = connections[DEFAULT_DB_ALIAS]
    plan = _append_plan(model, database.vendor, tuple(names))
    return _inserted(plan.insert, [plan.values(row, database.ops) for row in rows])


def update(rows: Iterable[models.Model], names: Sequence[str]) -> None:
    """Write these fields of rows of one model, known by their primary keys."""
    changed = list(rows)
    if not changed:
        return
    database = connections[DEFAULT_DB_ALIAS]
    plan = _swap_plan(type(changed[0]), database.vendor, tuple(names), ())
    with cursor() as asked:
        asked.executemany(plan.statement, [_values(row.__dict__, plan.ways, database.ops) for row in changed])


def swap(row: models.Model, values: Mapping[str, Any], *, where: Mapping[str, Any]) -> bool:
    """Write these fields of one row if it still holds what ``where`` says of others; whether it did.

    By names of fields; no expressions. The row in memory stays as it is.
    """
    database = connections[DEFAULT_DB_ALIAS]
    plan = _swap_plan(type(row), database.vendor, tuple(values), tuple(where))
    given = zip([*values.values(), row.pk, *where.values()], plan.ways, strict=True)
    with cursor() as asked:
        asked.execute(plan.statement, [_prepared(value, way, database.ops) for value, (_, way) in given])
        return bool(asked.rowcount == 1)


def swap_many(rows: Sequence[models.Model], values: Mapping[str, Any], *, where: Mapping[str, Any]) -> set[Any]:
    """Write the same to these fields of rows of one model that still hold what ``where`` says; the keys of those."""
    database = connections[DEFAULT_DB_ALIAS]
    plan = _swap_many_plan(type(rows[0]), database.vendor, tuple(values), tuple(where), len(rows))
    given = zip([*values.values(), *where.values()], plan.ways, strict=True)
    with cursor() as asked:
        prepared = [_prepared(value, way, database.ops) for value, (_, way) in given]
        asked.execute(plan.statement, [*prepared, *(row.pk for row in rows)])
        return {key for (key,) in asked.fetchall()}


def column_of(field: Any) -> str:
    """The name of a field's column."""
    return str(field.column)


@dataclass(frozen=True, slots=True)
class _Insert:
    """An INSERT of any number of rows."""

    head: str
    one: str
    tail: str
    width: int

    @classmethod
    def of(cls, model: type[models.Model], fields: Sequence[Any]) -> "_Insert":
        quote = connection.ops.quote_name
        columns = ", ".join(quote(column_of(field)) for field in fields)
        return cls(
            head=f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ",  # noqa: S608 - names of models
            one=f"({', '.join(['%s'] * len(fields))})",
            tail=f" RETURNING {quote(column_of(model._meta.pk))}",
            width=len(fields),
        )

    def statement(self, count: int) -> str:
        return self.head + ", ".join([self.one] * count) + self.tail


def _inserted(plan: _Insert, rows: Sequence[Sequence[Any]]) -> list[int]:
    if not rows:
        return []
    most = max(1, MOST_VALUES // plan.width)
    keys: list[int] = []
    with cursor() as asked:
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            asked.execute(plan.statement(len(part)), [value for row in part for value in row])
            keys += [key for (key,) in asked.fetchall()]
    return keys


@dataclass(frozen=True, slots=True)
class _RowPlan:
    """How objects of a model are inserted into one kind of database."""

    insert: _Insert
    ways: Ways
    key: str


@cache
def _row_plan(model: type[models.Model], vendor: str, numbers_itself: bool) -> _RowPlan:
    pk = model._meta.pk
    fields = [
        field
        for field in model._meta.concrete_fields
        if (field.has_default() or not field.has_db_default()) and not (numbers_itself and field is pk)
    ]
    return _RowPlan(_Insert.of(model, fields), [(field.attname, way_to(field, vendor)) for field in fields], pk.attname)


@dataclass(frozen=True, slots=True)
class _AppendPlan:
    """How tuples of some fields are inserted, and what the other fields hold in each row."""

    insert: _Insert
    ways: Sequence[Way | None]
    rest: tuple[Any, ...]

    def values(self, row: Sequence[Any], ops: BaseDatabaseOperations) -> tuple[Any, ...]:
        return (
            *[
                value if way is None or value is None else way(value, ops)
                for value, way in zip(row, self.ways, strict=True)
            ],
            *self.rest,
        )


_MADE_ALIKE = (dict, list, str)
"""Defaults that are called, and give the same each time."""


@cache
def _append_plan(model: type[models.Model], vendor: str, names: tuple[str, ...]) -> _AppendPlan:
    pk = model._meta.pk
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    named = [by_name[name] for name in names]
    rest = [
        field
        for field in by_name.values()
        if field not in named and field is not pk and (field.has_default() or not field.has_db_default())
    ]
    called = [field for field in rest if field.has_default() and callable(field.default)]
    unsure = [field.attname for field in called if field.default not in _MADE_ALIKE]
    if unsure:
        raise ValueError(f"{model._meta.label}: {', '.join(unsure)} must be named.")
    held = {field.attname: field.get_default() for field in rest}
    values = _values(held, [(field.attname, way_to(field, vendor)) for field in rest], connection.ops)
    return _AppendPlan(_Insert.of(model, [*named, *rest]), [way_to(field, vendor) for field in named], tuple(values))


@dataclass(frozen=True, slots=True)
class _SwapPlan:
    """An UPDATE of one row, and how each of its values gets to the database."""

    statement: str
    ways: Ways


@cache
def _swap_plan(model: type[models.Model], vendor: str, values: tuple[str, ...], where: tuple[str, ...]) -> _SwapPlan:
    return _swap_of(model, vendor, values, ("pk", *where), "")


@cache
def _swap_many_plan(
    model: type[models.Model], vendor: str, values: tuple[str, ...], where: tuple[str, ...], count: int
) -> _SwapPlan:
    key, marks = connection.ops.quote_name(column_of(model._meta.pk)), ", ".join(["%s"] * count)
    return _swap_of(model, vendor, values, where, f" AND {key} IN ({marks}) RETURNING {key}")


def _swap_of(
    model: type[models.Model], vendor: str, values: tuple[str, ...], where: tuple[str, ...], tail: str
) -> _SwapPlan:
    meta, quote = model._meta, connection.ops.quote_name
    by_name: dict[str, Any] = {"pk": meta.pk, **{field.name: field for field in meta.concrete_fields}}
    written, asked = [by_name[name] for name in values], [by_name[name] for name in where]
    columns = ", ".join(f"{quote(column_of(field))} = %s" for field in written)
    condition = " AND ".join(f"{quote(column_of(field))} = %s" for field in asked)
    statement = f"UPDATE {quote(meta.db_table)} SET {columns} WHERE {condition}{tail}"  # noqa: S608 - names of models
    return _SwapPlan(statement, [(field.attname, way_to(field, vendor)) for field in (*written, *asked)])


def _prepared(value: Any, way: Way | None, ops: BaseDatabaseOperations) -> Any:
    if isinstance(value, models.Model):
        value = value.pk
    return value if way is None or value is None else way(value, ops)


def _values(held: Mapping[str, Any], ways: Ways, ops: BaseDatabaseOperations) -> list[Any]:
    return [held[name] if way is None or held[name] is None else way(held[name], ops) for name, way in ways]
