"""What a bulk replay is to repeat: a window of events, or of refused deliveries, narrowed by filters."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import visible
from triggers.enums import BulkKind, Origin, Outcome
from triggers.models import BulkReplay, Delivery, Event, Trigger
from triggers.selectors.events import events_heard_by, first_id_from
from triggers.services.replays.delivery import NEVER, NOT_KEPT, REPLAYABLE
from triggers.services.replays.event import Manner

REPEATED = (Origin.LIVE, Origin.TIMER, Origin.INTERNAL)
"""What told something new. Replays only repeat, a baseline asked nobody, what was meant for one stays its own."""
ANSWERS = (Outcome.SUPPRESSED, Outcome.ERROR, Outcome.SHADOWED, Outcome.FIRED)
"""The stored answers of a trigger by which events may be chosen."""


@dataclass(frozen=True)
class Filters:
    """Which of the window: of a connection, a type, an item (and what hangs under it); with a trigger, those that it
    answered in this way, or else those that it hears.
    """

    connection_id: int | None = None
    event_type: str = ""
    item_id: int | None = None
    answer: str = ""


@dataclass(frozen=True)
class Wish:
    """A bulk replay as somebody asks for it. Events by when they were decided, deliveries by when they came."""

    kind: BulkKind
    since: datetime
    until: datetime
    filters: Filters = field(default_factory=Filters)
    trigger: Trigger | None = None
    manner: Manner = field(default_factory=Manner)
    concurrency: int = 1

    def as_json(self) -> dict[str, Any]:
        """Everything that it depends on, for its row and for the confirmation."""
        return {
            "kind": str(self.kind),
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "filters": asdict(self.filters),
            "trigger": self.trigger.pk if self.trigger is not None else None,
            "revision": str(self.manner.revision),
            "is_draft": self.manner.is_draft,
            "priority": self.manner.priority,
            "concurrency": self.concurrency,
        }


def events_of(wish: Wish, *, user: User) -> QuerySet[Event]:
    """The events of the wish that the person may have asked again, in order. Those that are purged are among them."""
    first, end = first_id_from(wish.since), first_id_from(wish.until)
    return _events(wish.filters, wish.trigger, user=user).filter(pk__gte=first, pk__lt=end).order_by("pk")


def deliveries_of(wish: Wish, *, user: User) -> QuerySet[Delivery]:
    """The refused deliveries of the wish that may be tried, in order."""
    window = Q(received_at__gte=wish.since, received_at__lt=wish.until)
    return _deliveries(wish.filters, user=user).filter(window).order_by("pk")


def events_left(bulk: BulkReplay, *, user: User) -> QuerySet[Event]:
    """Those of a bulk's events that are still to come."""
    rows = _events(Filters(**bulk.filters["filters"]), bulk.trigger, user=user)
    return rows.filter(pk__gt=bulk.after_id, pk__lte=bulk.last_id).order_by("pk")


def deliveries_left(bulk: BulkReplay, *, user: User) -> QuerySet[Delivery]:
    """Those of a bulk's deliveries that are still to come."""
    filters: Mapping[str, Any] = bulk.filters
    since, until = (datetime.fromisoformat(filters[name]) for name in ("since", "until"))
    rows = _deliveries(Filters(**filters["filters"]), user=user).filter(received_at__gte=since, received_at__lt=until)
    return rows.filter(pk__gt=bulk.after_id, pk__lte=bulk.last_id).order_by("pk")


def _events(filters: Filters, trigger: Trigger | None, *, user: User) -> QuerySet[Event]:
    rows = visible(Event.objects.all(), user=user, operation=Operation.FIRE)
    rows = rows.filter(origin__in=REPEATED, target_trigger_id=None)
    if filters.connection_id is not None:
        rows = rows.filter(connection_id=filters.connection_id)
    if filters.item_id is not None:
        rows = rows.filter(Q(item_id=filters.item_id) | Q(item__parent_id=filters.item_id))
    if filters.event_type:
        rows = rows.filter(type=filters.event_type)
    if trigger is None:
        return rows
    if filters.answer:
        return rows.filter(decisions__trigger=trigger, decisions__outcome=filters.answer)
    return rows.filter(events_heard_by(trigger.published.document if trigger.published is not None else {}))


def _deliveries(filters: Filters, *, user: User) -> QuerySet[Delivery]:
    rows = visible(Delivery.objects.all(), user=user, operation=Operation.FIRE).filter(purged_at=None)
    # A replay that was refused again is tried by its first delivery.
    rows = rows.filter(Q(outcome__status__in=REPLAYABLE) | ~Q(rejection=""), replay=None)
    rows = rows.exclude(rejection__in=[*NEVER, *NOT_KEPT]).select_related("outcome")
    return rows if filters.connection_id is None else rows.filter(connection_id=filters.connection_id)
