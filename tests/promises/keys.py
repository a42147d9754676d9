"""A database without one of its unique keys or checks, for the length of a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models


@contextmanager
def without(model: type[models.Model], name: str) -> Iterator[None]:
    """Take a constraint out of the test's database and put it back; not inside a transaction. Rows that it forbids are
    taken out with it.
    """
    options: Any = model._meta
    constraint = next(one for one in options.constraints if one.name == name)
    kept = list(options.constraints)
    try:
        # SQLite makes the table anew from what the model names now.
        options.constraints = [one for one in kept if one is not constraint]
        with connection.schema_editor() as editor:
            editor.remove_constraint(model, constraint)
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {options.db_table}")
        options.constraints = kept
        with connection.schema_editor() as editor:
            editor.add_constraint(model, constraint)
