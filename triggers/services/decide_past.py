"""The events before an event, as far as conditions count them: stored ones, and those that the batch brings with it.

Counted is what asked the trigger by itself: no replays, nothing fired by hand or meant for one trigger, no baselines.
What was read is checked by the commit: a newer event of the same item or connection makes the plan anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import QuerySet

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.history import Earlier, Per, UnreadHistory
from triggers.conditions.leaves.count import MOST
from triggers.enums import Origin
from triggers.matching.program import compiled
from triggers.models import Event
from triggers.services.judge import event_facts
from workspaces.models import ItemState

COUNTED = frozenset({Origin.LIVE.value, Origin.TIMER.value, Origin.INTERNAL.value})

Scope = tuple[Per, int]
"""All events of this item, or connection."""
_COLUMNS = {Per.ITEM: "item_id", Per.CONNECTION: "connection_id"}


@dataclass(frozen=True)
class Seen:
    """An event as conditions see it. ``place`` is the same object for all events of a batch about one item."""

    event: Event
    facts: EventFacts
    item: ItemFacts | None
    place: object = None


@dataclass(frozen=True, slots=True)
class _Mark:
    """What is known of a stored event before it is read."""

    pk: int
    accepted_at: datetime
    is_counted: bool
    is_purged: bool


class Stored:
    """The stored events that a batch looks at, each read once."""

    def __init__(self) -> None:
        self._marks: dict[tuple[Scope, int | None], list[_Mark]] = {}
        self._seen: dict[int, Seen] = {}

    @property
    def read(self) -> dict[Scope, int | None]:
        """{scope: its newest event} of what has to be as it was when the plan is written."""
        return {
            scope: marks[0].pk if marks else None for (scope, before), marks in self._marks.items() if before is None
        }

    def since(self, scope: Scope, since: datetime, before: int | None) -> tuple[list[Seen], str]:
        """The counted events of a scope after a time and before an event, newest first; and what they lack, if
        anything, to be all.
        """
        marks = self._marks_of(scope, before)
        inside = [mark for mark in marks[:MOST] if mark.is_counted and mark.accepted_at > since]
        self._load([mark.pk for mark in inside if not mark.is_purged])
        seen = [self._seen[mark.pk] for mark in inside if mark.pk in self._seen]
        if len(marks) > MOST and marks[MOST].accepted_at > since:
            return seen, f"it has more than {MOST} events, and only these are looked at"
        return seen, "what some of its events said is no longer kept" if len(seen) < len(inside) else ""

    def _marks_of(self, scope: Scope, before: int | None) -> "list[_Mark]":
        marks = self._marks.get((scope, before))
        if marks is None:
            rows = _events_of(scope) if before is None else _events_of(scope).filter(pk__lt=before)
            columns = rows.values_list("pk", "accepted_at", "origin", "target_trigger_id", "purged_at")[: MOST + 1]
            marks = [
                _Mark(pk, at, origin in COUNTED and target is None, purged_at is not None)
                for pk, at, origin, target, purged_at in columns
            ]
            self._marks[scope, before] = marks
        return marks

    def _load(self, ids: Iterable[int]) -> None:
        missing = [pk for pk in ids if pk not in self._seen]
        if not missing:
            return
        rows = list(Event.objects.filter(pk__in=missing).select_related("item"))
        versions = {(row.item_id, row.item_version or 0) for row in rows if row.item_id is not None}
        known = ItemState.objects.filter(
            item_id__in={item_id for item_id, _ in versions}, version__in={version for _, version in versions}
        )
        states = {(state.item_id, state.version): state.state for state in known}
        self._seen |= {row.pk: Seen(row, event_facts(row), _item_facts(row, states)) for row in rows}


def newest(scopes: Iterable[Scope]) -> dict[Scope, int | None]:
    """{scope: its newest event} as it is now."""
    return {scope: _events_of(scope).values_list("pk", flat=True).first() for scope in scopes}


def _events_of(scope: Scope) -> QuerySet[Event]:
    return Event.objects.filter(**{_COLUMNS[scope[0]]: scope[1]}).order_by("-pk")


def _item_facts(event: Event, states: Mapping[tuple[int, int], Mapping[str, Any]]) -> ItemFacts | None:
    if event.item is None:
        return None
    version = event.item_version or 0
    state = states.get((event.item.pk, version), {})
    return ItemFacts(kind=event.item.kind, key=event.item.external_key, state=state, version=version)


@dataclass
class Past:
    """What came before one event, for the conditions of one trigger. ``batch``: what the batch brings before it.

    A replay sees what came before the event that it repeats, and counts from that one's time. ``counted`` is None
    until somebody asks.
    """

    stored: Stored
    event: Event
    item_id: int | None
    conditions: Any
    batch: Sequence[Seen] = ()
    place: object = None
    counted: list[Event] | None = field(default=None, init=False)

    def earlier(self, *, within: timedelta, per: Per) -> Earlier | None:
        """The events like this one of that time; see `History`."""
        try:
            return self._earlier(within, per)
        except DatabaseError as wrong:
            raise UnreadHistory from wrong

    def _earlier(self, within: timedelta, per: Per) -> Earlier | None:
        self.counted = self.counted or []
        if per is Per.ITEM and self.item_id is None and self.place is None:
            return None
        repeats = self.event.replay_of_id
        at = self.event.accepted_at if repeats is None else _accepted_at(repeats)
        if at is None:
            return Earlier((), "the event that it repeats is no longer kept")
        is_new = repeats is None and self.event._state.adding
        before = None if is_new else repeats or self.event.pk
        seen, lacks = self._stored(per, at - within, before)
        if is_new:
            seen = [*self._of_batch(per, at - within), *seen]
        asks = compiled(self.conditions)
        found = [one for one in seen if asks(one.facts, one.item) is not False]
        self.counted += [one.event for one in found if one.event not in self.counted]
        return Earlier(tuple(one.facts for one in found), lacks)

    def _stored(self, per: Per, since: datetime, before: int | None) -> tuple[list[Seen], str]:
        number = self.item_id if per is Per.ITEM else self.event.connection_id
        if number is None:
            # An item that the batch itself brings.
            return [], ""
        return self.stored.since((per, number), since, before)

    def _of_batch(self, per: Per, since: datetime) -> list[Seen]:
        return [
            one
            for one in reversed(self.batch)
            if one.event.origin in COUNTED
            and one.event.target_trigger_id is None
            and one.event.accepted_at > since
            and (one.place is self.place if per is Per.ITEM else one.event.connection_id == self.event.connection_id)
        ]


def past_of(event: Event, *, conditions: Any) -> Past:
    """What came before a stored event."""
    return Past(Stored(), event, event.item_id, conditions)


def _accepted_at(event_id: int) -> datetime | None:
    return Event.objects.filter(pk=event_id).values_list("accepted_at", flat=True).first()
