"""Stored decisions, as far as a person may see them."""

from django.db.models import QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from triggers.models import Decision


def decisions_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Decision]:
    """Decisions belong to their trigger's people, newest first."""
    rows = Decision.objects.select_related("event", "trigger", "revision")
    return visible(rows, user=user, operation=operation)
