"""Listeners, as far as a person may see them, and when something was heard last."""

from django.db.models import DateTimeField, OuterRef, QuerySet, Subquery

from accounts.operations import Operation
from accounts.permissions import Person, visible
from triggers.models import ContextListener, Event


def listeners_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[ContextListener]:
    """Every listener within reach, with its connection and its item, annotated with ``heard_at``."""
    rows = ContextListener.objects.select_related("connection", "item", "schedule").annotate(
        heard_at=heard_at("connection_id")
    )
    return visible(rows, user=user, operation=operation)


def heard_at(connection: str) -> Subquery:
    """When the last event of a connection came in, to annotate rows with that name its id in a field of theirs.

    Asked for, not kept: to keep it, all decisions about a connection would write into one row.
    """
    latest = Event.objects.filter(connection=OuterRef(connection)).order_by("-id").values("accepted_at")[:1]
    return Subquery(latest, output_field=DateTimeField(null=True))
