"""Edits that two people may make at once: a compare-and-swap on the row's ``version``."""

from typing import Any, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class EditConflict(Exception):
    """Somebody else changed the row meanwhile; the editor loads it again and decides."""

    def __init__(self, row: models.Model) -> None:
        super().__init__("Somebody else changed this in the meantime. Load it again and repeat your change.")
        self.row = row


def edit(row: Row, *, version: int | None = None, **fields: Any) -> Row:
    """Set ``fields`` if the row still has ``version`` (the one that ``row`` was loaded with, when not given).

    Raises EditConflict where it has another by now. Joins the caller's transaction.
    """
    seen = row.version if version is None else version  # type: ignore[attr-defined]
    model = type(row)
    changed = model._default_manager.filter(pk=row.pk, version=seen).update(version=seen + 1, **fields)
    if changed != 1:
        raise EditConflict(row)
    for name, value in {**fields, "version": seen + 1}.items():
        setattr(row, name, value)
    return row
