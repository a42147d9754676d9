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

COUNTED: frozenset[str] = frozenset({Origin.LIVE.value, Origin.TIMER.value, Origin.INTERNAL.value})

Scope = tuple[Per, int]
"""All events of this item, or connection."""
_COLUMNS = {Per.ITEM: "item_id", Per.CONNECTION: "connection_id"}


@dataclass(frozen=True)
class Elapsed:
    """What an event says of a watch whose time is up. ``armed_by`` is an event's id."""

    trigger_id: int
    watch_id: int
    condition: str
    armed_by: int
    armed_at: datetime
    due_at: datetime

    @classmethod
    def of(cls, event: Event) -> "Elapsed | None":
        """Read from an event, stored or about to be; None for one that says no such thing."""
        try:
            said = dict(event.data)
            times = {name: datetime.fromisoformat(said[name]) for name in ("armed_at", "due_at")}
            return cls(**{**{name: said[name] for name in _SAID}, **times})
        except (KeyError, TypeError, ValueError):
            # Of what is no longer kept nothing is known.
            return None

    def as_data(self) -> dict[str, Any]:
        """As the event holds it."""
        return {**self.__dict__, "armed_at": self.armed_at.isoformat(), "due_at": self.due_at.isoformat()}


_SAID = ("trigger_id", "watch_id", "condition", "armed_by")


@dataclass(frozen=True)
class Seen:
    """An event as conditions see it. ``place`` is the same object for all events of a batch about one item."""

    event: Event
    facts: EventFacts
    item: ItemFacts | None
    place: object = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a stored event before it is read."""

    pk: int
    accepted_at: datetime
    is_counted: bool
    is_purged: bool


class Stored:
    """The stored events that a batch looks at, each read once."""

    def __init__(self) -> None:
        self._marks: dict[tuple[Scope, int | None], list[Mark]] = {}
        self.seen: dict[int, Seen] = {}

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
        marks = self.marks_of(scope, before)
        return self._read_all(
            [mark for mark in marks[:MOST] if mark.is_counted and mark.accepted_at > since],
            is_cut=len(marks) > MOST and marks[MOST].accepted_at > since,
        )

    def after(self, scope: Scope, armed_by: int, until: datetime, before: int | None) -> tuple[list[Seen], str]:
        """The counted events of a scope between two, accepted before a time; as `since` does."""
        marks = self.marks_of(scope, before)
        return self._read_all(
            [mark for mark in marks[:MOST] if mark.is_counted and mark.pk > armed_by and mark.accepted_at < until],
            is_cut=len(marks) > MOST and marks[MOST].pk > armed_by,
        )

    def _read_all(self, inside: Sequence[Mark], *, is_cut: bool) -> tuple[list[Seen], str]:
        self.load([mark.pk for mark in inside if not mark.is_purged])
        seen = [self.seen[mark.pk] for mark in inside if mark.pk in self.seen]
        if is_cut:
            return seen, f"it has more than {MOST} events, and only these are looked at"
        return seen, "what some of its events said is no longer kept" if len(seen) < len(inside) else ""

    def marks_of(self, scope: Scope, before: int | None) -> Sequence[Mark]:
        """The events of a scope before one, newest first, one more than are looked at."""
        marks = self._marks.get((scope, before))
        if marks is None:
            rows = events_of(scope) if before is None else events_of(scope).filter(pk__lt=before)
            marks = self._marks[scope, before] = marks_in(rows[: MOST + 1])
        return marks

    def load(self, ids: Iterable[int]) -> None:
        """Read those that are not read yet, with the states of their items then."""
        missing = [pk for pk in ids if pk not in self.seen]
        if not missing:
            return
        rows = list(Event.objects.filter(pk__in=missing).select_related("item"))
        versions = {(row.item_id, row.item_version or 0) for row in rows if row.item_id is not None}
        known = ItemState.objects.filter(
            item_id__in={item_id for item_id, _ in versions}, version__in={version for _, version in versions}
        )
        states = {(state.item_id, state.version): state.state for state in known}
        self.seen |= {row.pk: Seen(row, event_facts(row), _item_facts(row, states)) for row in rows}


def marks_in(rows: QuerySet[Event]) -> list[Mark]:
    """What is known of events before they are read, in their order."""
    columns = rows.values_list("pk", "accepted_at", "origin", "target_trigger_id", "purged_at")
    return [
        Mark(pk, at, origin in COUNTED and target is None, purged_at is not None)
        for pk, at, origin, target, purged_at in columns
    ]


def newest(scopes: Iterable[Scope]) -> dict[Scope, int | None]:
    """{scope: its newest event} as it is now."""
    return {scope: events_of(scope).values_list("pk", flat=True).first() for scope in scopes}


def events_of(scope: Scope) -> QuerySet[Event]:
    """The events of a scope, newest first."""
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

    A replay sees what came before the event that it repeats, and counts from that one's time. ``trigger_id``: whose
    watches may have come to their end. ``counted`` is None until somebody asks.
    """

    stored: Stored
    event: Event
    item_id: int | None
    conditions: Any
    batch: Sequence[Seen] = ()
    place: object = None
    trigger_id: int | None = None
    counted: list[Event] | None = field(default=None, init=False)

    def earlier(self, *, within: timedelta, per: Per, like: Any = None) -> Earlier | None:
        """The events of that time that are like this one, or like a tree; see `History`."""
        try:
            return self._earlier(within, per, like)
        except DatabaseError as wrong:
            raise UnreadHistory from wrong

    def silence(self, *, watch: str, broken_by: Any) -> Earlier | None:
        """What broke the silence that a watch of this trigger waited for; see `History`."""
        said = Elapsed.of(self.event)
        if said is None or (said.trigger_id, said.condition) != (self.trigger_id, watch):
            return None
        try:
            return self._silence(said, broken_by)
        except DatabaseError as wrong:
            raise UnreadHistory from wrong

    def _silence(self, said: Elapsed, broken_by: Any) -> Earlier:
        self.counted = self.counted or []
        if self.item_id is None:
            return Earlier((), "what it waited for belongs to no item any more")
        repeats = self.event.replay_of_id
        is_new = repeats is None and self.event._state.adding
        before = None if is_new else repeats or self.event.pk
        seen, lacks = self.stored.after((Per.ITEM, self.item_id), said.armed_by, said.due_at, before)
        if is_new:
            batch = (one for one in reversed(self.batch) if is_counted(one.event) and one.place is self.place)
            seen = [*(one for one in batch if one.event.accepted_at < said.due_at), *seen]
        return self._like(seen, broken_by, lacks)

    def _earlier(self, within: timedelta, per: Per, like: Any) -> Earlier | None:
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
        if like is not None:
            return self._like(seen, like, lacks)
        asks = compiled(self.conditions)
        return self._found([one for one in seen if asks(one.facts, one.item) is not False], lacks)

    def _like(self, seen: Iterable[Seen], tree: Any, lacks: str) -> Earlier:
        """Of what was seen that for which a tree holds."""
        asks = compiled(tree)
        told = [(one, asks(one.facts, one.item)) for one in seen]
        if not lacks and any(answer is None for _, answer in told):
            lacks = "of some of its events it cannot be told whether they are such"
        return self._found([one for one, answer in told if answer], lacks)

    def _found(self, found: Sequence[Seen], lacks: str) -> Earlier:
        counted = self.counted or []
        self.counted = counted + [one.event for one in found if one.event not in counted]
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
            if is_counted(one.event)
            and one.event.accepted_at > since
            and (one.place is self.place if per is Per.ITEM else one.event.connection_id == self.event.connection_id)
        ]


def past_of(event: Event, *, conditions: Any, trigger_id: int | None = None) -> Past:
    """What came before a stored event."""
    return Past(Stored(), event, event.item_id, conditions, trigger_id=trigger_id)


def is_counted(event: Event) -> bool:
    """Whether an event asked triggers by itself: only such count, arm and disarm."""
    return event.origin in COUNTED and event.target_trigger_id is None


def _accepted_at(event_id: int) -> datetime | None:
    return Event.objects.filter(pk=event_id).values_list("accepted_at", flat=True).first()
