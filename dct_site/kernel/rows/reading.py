"""Rows read by a condition in SQL."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connection, models

from dct_site.kernel.rows.cursors import cursor
from dct_site.kernel.rows.making import Row, with_values
from dct_site.kernel.rows.values import Back, way_back
from dct_site.kernel.rows.writing import column_of


def found(model: type[Row], where: str, values: Sequence[Any]) -> list[Row]:
    """The rows of a model that a condition in SQL holds for (``%s`` for each value), as the ORM would have read them.

    No signals are sent (``pre_init``, ``post_init``).
    """
    plan = _plan(model, connection.vendor)
    with cursor() as asked:
        asked.execute(f"{plan.head} WHERE {where}", values)
        return [cast(Row, plan.row(columns)) for columns in asked.fetchall()]


class _Plan:
    """How rows of a model are read from one kind of database."""

    def __init__(self, model: type[models.Model]) -> None:
        table, quote = model._meta.db_table, connection.ops.quote_name
        fields = model._meta.concrete_fields
        columns = ", ".join(f"{quote(table)}.{quote(column_of(field))}" for field in fields)
        self.head = f"SELECT {columns} FROM {quote(table)}"  # noqa: S608 - names of models
        self._model = model
        self._names = [field.attname for field in fields]
        backs = [(field.attname, way_back(field, table)) for field in fields]
        self._backs: list[tuple[str, Back]] = [(name, back) for name, back in backs if back is not None]

    def row(self, columns: Iterable[Any]) -> models.Model:
        held = dict(zip(self._names, columns, strict=True))
        for name, back in self._backs:
            held[name] = back(held[name])
        row = with_values(self._model, held)
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
        return row


@cache
def _plan(model: type[models.Model], vendor: str) -> _Plan:  # noqa: ARG001 - one for each vendor
    return _Plan(model)
