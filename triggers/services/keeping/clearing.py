"""Deleting tombstones: what is left of deliveries and events whose content is gone, and the keys that tell repeats.

A round walks through events, then deliveries, then changes that were seen, by their ids: the oldest come first, so no
index has to be kept for it. How far it is lies in the database; killed anywhere, it goes on there. A tombstone stays
while something that stays names it: an execution, a replay, a silence that is waited for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from triggers.enums import WatchStatus
from triggers.models import (
    Decision,
    Delivery,
    DeliveryDuplicates,
    DeliveryOutcome,
    Event,
    Execution,
    Firing,
    PendingDelivery,
    Replay,
    Retention,
    SeenChange,
    Watch,
)
from triggers.services.keeping.retention import connections_by_days, days_of, default_retention

BATCH = 100
"""Rows in one transaction: 3 ms of SQLite's write lock, 6 at most (20,000 events with their deliveries)."""
BATCHES = 20
"""Of such transactions per call, so that the clock has time for the rest of its work."""
REST = timedelta(hours=6)
"""From the end of a round to the next."""
_NAME = "tombstones_days"


def clear_due(*, now: datetime, batches: int = BATCHES) -> int:
    """Delete up to ``batches`` batches of tombstones that were kept long enough, with what hangs below them; returns
    how many that were.

    Called by the clock; it begins a round once in REST, and goes on with it at once while there is more.
    """
    common = default_retention()
    if common.cleared_at is not None and common.cleared_at <= now < common.cleared_at + REST:
        return 0
    ages, place, done = _Ages.now(now), common.clearing or {}, 0
    number, after = int(place.get("kind", 0)), int(place.get("after", 0))
    while number < len(CLEARINGS):
        if batches == 0:
            return done
        found = CLEARINGS[number].look(after, ages)
        if found is None:
            number, after = number + 1, 0
        else:
            done += CLEARINGS[number].clear(found.old)
            after = found.last
            batches -= 1
        _set(clearing={"kind": number, "after": after})
    _set(clearing=None, cleared_at=now)
    return done


def _set(**fields: Any) -> None:
    Retention.objects.update_or_create(is_default=True, defaults=fields)


@dataclass(frozen=True)
class _Ages:
    """Since when a connection's tombstones are old; ``common`` for what has no connection any more."""

    of: Mapping[int, datetime]
    common: datetime

    @classmethod
    def now(cls, now: datetime) -> "_Ages":
        by_days = connections_by_days(_NAME)
        of = {pk: now - timedelta(days=days) for days, connections in by_days.items() for pk in connections}
        return cls(of, now - timedelta(days=days_of(default_retention())[_NAME]))

    def is_old(self, connection_id: int, at: datetime) -> bool:
        return at < self.of.get(connection_id, self.common)

    def newest(self) -> datetime:
        return max([self.common, *self.of.values()])


@dataclass(frozen=True)
class _Found:
    """Of the rows that were looked at, up to ``last``, those whose time is over."""

    last: int
    old: Sequence[int]


@dataclass(frozen=True)
class Clearing:
    """One kind of tombstone: since when it counts, which may be deleted at all, what hangs below them, and what names
    them and stays without the name; both by the name of the reference.
    """

    since: str
    rows: Callable[[], QuerySet[Any]]
    below: Sequence[tuple[type[Any], str]] = ()
    beside: Sequence[tuple[type[Any], str]] = ()

    def look(self, after: int, ages: _Ages) -> _Found | None:
        """The next rows; None where all that follow are younger. Read without a lock."""
        model = self.rows().model
        rows = model._default_manager.filter(pk__gt=after).order_by("pk")
        some = list(rows.values_list("pk", "connection_id", self.since)[:BATCH])
        if not any(at < ages.newest() for _, _, at in some):
            return None
        old = [pk for pk, connection_id, at in some if ages.is_old(connection_id, at)]
        return _Found(some[-1][0], list(self.rows().filter(pk__in=old).values_list("pk", flat=True)))

    def clear(self, ids: Sequence[int]) -> int:
        """Delete these tombstones, but for those that something names by now; what hangs below goes first."""
        for model, name in self.below:
            for some in _naming(model, name, ids):
                _delete(some)
        for model, name in self.beside:
            for some in _naming(model, name, ids):
                some.update(**{name: None})
        return _delete(self.rows().filter(pk__in=ids)) if ids else 0


def _naming(model: type[Any], name: str, ids: Sequence[int]) -> Iterator[QuerySet[Any]]:
    """What names these rows, as much as one transaction takes at a time, until nothing does."""
    rows = model._default_manager.filter(**{f"{name}__in": ids}).order_by("pk").values_list("pk", flat=True)
    while some := list(rows[:BATCH]):
        yield model._default_manager.filter(pk__in=some)


def _delete(rows: QuerySet[Any]) -> int:
    """One statement, in the fair turn of a transaction. The collector would read all that is deleted, and lock
    meanwhile.
    """
    with transaction.atomic():
        return rows.order_by()._raw_delete(rows.db)


def _events() -> QuerySet[Event]:
    """Nothing that fired: its execution stays, and names it."""
    event = OuterRef("pk")
    stays = (
        Exists(Execution.objects.filter(event=event)),
        Exists(Firing.objects.filter(event=event)),
        Exists(Event.objects.filter(replay_of=event)),
        Exists(Decision.objects.filter(event=event, purged_at=None)),
        Exists(Watch.objects.filter(armed_by=event, status=WatchStatus.ARMED)),
    )
    return Event.objects.exclude(purged_at=None).filter(*(~one for one in stays))


def _deliveries() -> QuerySet[Delivery]:
    delivery = OuterRef("pk")
    stays = (
        Exists(Event.objects.filter(delivery_id=delivery)),
        Exists(PendingDelivery.objects.filter(delivery=delivery)),
        Exists(Replay.objects.filter(of_delivery_id=delivery, event_id=None)),
        Exists(Replay.objects.filter(delivery=delivery, is_under_way=True)),
    )
    return Delivery.objects.exclude(purged_at=None).filter(*(~one for one in stays))


EVENTS = Clearing(
    since="accepted_at", rows=_events, below=((Decision, "event"), (Watch, "armed_by")), beside=((Watch, "ended_by"),)
)
DELIVERIES = Clearing(
    since="received_at",
    rows=_deliveries,
    below=((DeliveryOutcome, "delivery"), (DeliveryDuplicates, "delivery"), (Replay, "delivery")),
)
CHANGES = Clearing(since="seen_at", rows=SeenChange.objects.all)
CLEARINGS = (EVENTS, DELIVERIES, CHANGES)
