"""Events and deliveries, as far as a person may see them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, OuterRef, Q, QuerySet, Subquery

from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import Person, visible
from triggers.enums import Origin
from triggers.models import Delivery, Event, Replay
from workspaces.models import ItemState


def events_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Event]:
    """Events inherit from their item and from its connection."""
    return visible(Event.objects.select_related("connection", "item", "item__parent"), user=user, operation=operation)


def came_of_bulk(bulk_id: int) -> Q:
    """The events that a bulk replay let come in again."""
    return Q(delivery_id__in=Replay.objects.filter(bulk=bulk_id).values("delivery_id"))


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


def meant_for(trigger_id: int) -> Q:
    """All but what the clock, or somebody by hand, asks another trigger alone."""
    return Q(target_trigger_id=None) | Q(target_trigger_id=trigger_id)


def history(*, user: Person, documents: Iterable[Mapping[str, Any]], after_id: int, last_id: int) -> QuerySet[Event]:
    """What happened after one event and up to another that one of the documents would be asked about, in order.

    Bounded by ids on both sides: sorting all that is left of a history took a second for each slice of it. Replays
    and what was meant for one trigger only repeat or ask for something; they are no history, and a baseline asks
    nobody.
    """
    heard = Q(pk__in=[])
    for document in documents:
        heard |= events_heard_by(document)
    rows = visible(Event.objects.all(), user=user).filter(heard, pk__gt=after_id, pk__lte=last_id)
    return rows.filter(origin__in=_HISTORY, target_trigger_id=None).order_by("id")


def first_id_from(moment: datetime) -> int:
    """The id from which on events were decided at ``moment`` or later; beyond the newest where none was.

    Found by halves: ids are given in the order of deciding, and no index has to be kept for it. Where a clock was set
    back meanwhile, the bound is off by that much.
    """
    ends = Event.objects.aggregate(oldest=Min("pk"), newest=Max("pk"))
    low, high = ends["oldest"] or 1, (ends["newest"] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        there = Event.objects.filter(pk__gte=middle, pk__lt=high).order_by("pk").values_list("pk", "decided_at").first()
        if there is None or there[1] >= moment:
            high = middle
        else:
            low = there[0] + 1
    return low


def with_item_then(rows: QuerySet[Event]) -> QuerySet[Event]:
    """Events with what conditions see and no more, and the state of each one's item as it was before: ``then``."""
    kept = ItemState.objects.filter(item_id=OuterRef("item_id"), version=OuterRef("item_version"))
    return rows.select_related("item").only(*_JUDGED).annotate(then=Subquery(kept.values("state")[:1]))


_HISTORY = (Origin.LIVE, Origin.TIMER, Origin.INTERNAL)
_JUDGED = (
    *(
        "connection_id",
        "source",
        "type",
        "subject",
        "actor",
        "time",
        "origin",
        "trust_tier",
        "facts",
        "data",
        "changes",
    ),
    *("item_version", "is_late", "hop", "accepted_at", "decided_at", "purged_at", "replay_of"),
    *("item__kind", "item__external_key", "item__parent_id"),
)
