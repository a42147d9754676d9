"""Taking away what is no longer kept, in small batches; a tombstone stays, so that repeats are still known as such.

Rows are emptied, not deleted. A delivery keeps its key and its body's hash (what makes a repeat a duplicate), an event
its type, time and change key, a decision its outcome. Each batch is one statement (of a large body several) that looks
again at what it may touch: a round may be killed anywhere, repeated, and run twice at once.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Length

from triggers.enums import ExecutionStatus
from triggers.models import Decision, Delivery, Event, Execution, Firing, PendingDelivery, Retention
from triggers.services.clock import forget_slots
from triggers.services.keeping import large_bodies
from triggers.services.keeping.retention import connections_by_days

BATCH = 50
BATCH_BYTES = 256 * 1024
"""Per transaction: it must not hold SQLite's write lock for longer than 20 ms. Fifty bodies of 4 kB take it 1 ms (11 at
most); one larger body is a batch of its own, and a large one goes in parts (``large_bodies``).
"""
BATCHES = 20
PATIENCE_S = 1.0
"""Per call, so that the clock has time for the rest of its work."""
REST = timedelta(minutes=1)
"""From a round that found nothing more to the next look."""
_CONNECTIONS = 500
"""Ids in one question."""
_OPEN = [status for status in ExecutionStatus if status not in Execution.MOVES.terminal]


def purge_due(*, now: datetime, batches: int = BATCHES) -> int:
    """Empty up to ``batches`` batches of what was kept long enough; returns how many rows that were.

    Never what waits for its decision, nor what an open execution came of. Called by the clock; it looks once in REST,
    and goes on at once while there is more.
    """
    swept = Retention.objects.filter(is_default=True).values_list("swept_at", flat=True).first()
    if swept is not None and swept <= now < swept + REST:
        return 0
    done, until = 0, time.monotonic() + PATIENCE_S
    for keeping in KEEPINGS:
        for rows in keeping.due(now):
            while ids := keeping.batch(rows):
                if batches == 0 or time.monotonic() > until:
                    return done
                done += keeping.empty(ids, now)
                batches -= 1
    done += forget_slots(now=now)
    Retention.objects.update_or_create(is_default=True, defaults={"swept_at": now})
    return done


def busy_events(ref: str) -> Q:
    """Whether the event behind ``ref`` led to an execution that still goes on."""
    own = Execution.objects.filter(event=OuterRef(ref), status__in=_OPEN)
    shared = Firing.objects.filter(event=OuterRef(ref), execution__status__in=_OPEN)
    return Q(Exists(own)) | Q(Exists(shared))


def _update(rows: QuerySet[Any], ids: Collection[int], **emptied: Any) -> int:
    return rows.filter(pk__in=ids).update(**emptied)


@dataclass(frozen=True)
class Keeping:
    """One kind of row: whose days, since when it counts, those of some connections, which may be emptied, and what is
    empty then.
    """

    days: str
    since: str
    of: Callable[[QuerySet[Any], Sequence[int]], QuerySet[Any]]
    rows: Callable[[], QuerySet[Any]]
    emptied: Mapping[str, Any]
    size: Any
    update: Callable[..., int] = _update

    def due(self, now: datetime) -> Iterator[QuerySet[Any]]:
        """What was kept long enough, connection by connection."""
        for days, connections in connections_by_days(self.days).items():
            ended = {f"{self.since}__lt": now - timedelta(days=days)}
            for start in range(0, len(connections), _CONNECTIONS):
                part = connections[start : start + _CONNECTIONS]
                yield self.of(self.rows().filter(**ended), part)

    def batch(self, rows: QuerySet[Any]) -> Sequence[int]:
        """The ids of some of them, as many as one transaction takes; read without a lock."""
        found: list[int] = []
        total = 0
        for pk, size in rows.order_by().values_list("pk", self.size)[:BATCH]:
            total += size
            if found and total > BATCH_BYTES:
                break
            found.append(pk)
        return found

    def empty(self, ids: Collection[int], now: datetime) -> int:
        """Empty these rows, but for those that may not be touched (any more)."""
        return self.update(self.rows(), ids, **self.emptied, purged_at=now)


def _deliveries() -> QuerySet[Delivery]:
    pending = PendingDelivery.objects.filter(delivery=OuterRef("pk"))
    busy = Event.objects.filter(busy_events("pk"), delivery_id=OuterRef("pk"))
    return Delivery.objects.filter(~Exists(pending), ~Exists(busy), purged_at=None)


def _events() -> QuerySet[Event]:
    return Event.objects.filter(~busy_events("pk"), purged_at=None)


def _decisions() -> QuerySet[Decision]:
    return Decision.objects.filter(~busy_events("event_id"), purged_at=None)


def _of_connections(rows: QuerySet[Any], ids: Sequence[int]) -> QuerySet[Any]:
    return rows.filter(connection_id__in=ids)


def _of_their_events(rows: QuerySet[Decision], ids: Sequence[int]) -> QuerySet[Decision]:
    # Joined, SQLite walks through every event of the connection; so it begins with what is old.
    return rows.filter(Exists(Event.objects.filter(pk=OuterRef("event_id"), connection_id__in=ids)))


DELIVERIES = Keeping(
    days="deliveries_days",
    since="received_at",
    of=_of_connections,
    rows=_deliveries,
    emptied={"body": b"", "headers": {}},
    size=Length("body"),
    update=large_bodies.empty,
)
EVENTS = Keeping(
    days="events_days",
    since="accepted_at",
    of=_of_connections,
    rows=_events,
    emptied={"subject": "", "actor": "", "facts": {}, "data": {}, "changes": {}, "before": {}},
    size=Value(0),
)
DECISIONS = Keeping(
    days="decisions_days",
    since="at",
    of=_of_their_events,
    rows=_decisions,
    emptied={"because": {}, "facts": {}, "detail": ""},
    size=Value(0),
)
KEEPINGS = (DELIVERIES, EVENTS, DECISIONS)
