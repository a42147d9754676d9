"""Events and deliveries, as far as a person may see them."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import Person, visible
from triggers.models import Delivery, Event


def events_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Event]:
    """Events inherit from their item and from its connection."""
    return visible(Event.objects.select_related("connection", "item", "item__parent"), user=user, operation=operation)


def deliveries_visible_to(*, user: Person) -> QuerySet[Delivery]:
    """Deliveries without their raw bytes, rejected ones included: the connection's own people and triage see them.

    The raw parts are for those who may look at raw payloads (``raw_deliveries_visible_to``).
    """
    return visible(Delivery.objects.defer("body"), user=user)


def raw_deliveries_visible_to(*, user: Person) -> QuerySet[Delivery]:
    return visible(Delivery.objects.all(), user=user, operation=Operation.VIEW_RAW)


def connections_of(deliveries: QuerySet[Delivery]) -> dict[int, Connection]:
    """{id: connection} behind deliveries: they carry no foreign keys."""
    return Connection.objects.in_bulk(set(deliveries.values_list("connection_id", flat=True)))


def events_of_delivery(*, user: Person, delivery: Delivery) -> QuerySet[Event]:
    return events_visible_to(user=user).filter(delivery_id=delivery.pk)


def events_of_item(*, user: Person, item_id: int) -> QuerySet[Event]:
    """Events of an item and of what hangs under it, newest first."""
    return events_visible_to(user=user).filter(Q(item_id=item_id) | Q(item__parent_id=item_id))


def events_heard_by(document: Mapping[str, Any]) -> Q:
    """The events that a document, perhaps an unfinished draft, would be asked about."""
    parts = document.get("listeners")
    wanted = Q(pk__in=[])
    for part in parts if isinstance(parts, list) else ():
        item_id, connection_id = (
            (part.get("context_item_id"), part.get("connection_id")) if isinstance(part, Mapping) else (None, None)
        )
        if type(item_id) is int:
            wanted |= Q(item_id=item_id) | Q(item__parent_id=item_id)
        elif type(connection_id) is int:
            wanted |= Q(connection_id=connection_id)
    return wanted
