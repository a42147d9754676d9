"""Proof that something only looked: no row, no file, no statement that writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection as database


@contextmanager
def nothing_changes() -> Iterator[None]:
    """No row of any table, no file of the data directory, and no statement that writes."""
    before = _everything()
    wrote: list[str] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.split(maxsplit=1)[0].upper() not in {"SELECT", "SAVEPOINT", "RELEASE"}:
            wrote.append(sql)
        return execute(sql, params, many, context)

    with database.execute_wrapper(watch):
        yield
    assert wrote == []
    assert _everything() == before


def _everything() -> Any:
    rows = {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in apps.get_models()}
    data = Path(settings.DCT_DATA_DIR)
    files = {path for path in data.rglob("*") if "test.sqlite3" not in path.name}
    return rows, files
