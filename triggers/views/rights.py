"""What a person may do to each row of a list, asked once for the whole list."""

from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Model, QuerySet

from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import may, visible

Row = TypeVar("Row", bound=Model)


def allowed_ids(user: User, operation: Operation, rows: QuerySet[Row], *, among: Iterable[int]) -> frozenset[int]:
    """The ids out of ``among`` of rows that the person may do ``operation`` to, toggles included."""
    asked = set(among)
    if not asked or not may(user, operation):
        return frozenset()
    found = visible(rows.filter(pk__in=asked), user=user, operation=operation)
    return frozenset(found.order_by().values_list("pk", flat=True))
