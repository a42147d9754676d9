"""The armed absences of one document in a back-test: in memory, by the rule of live, as many as live arms at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.models import Event
from triggers.services.decide import watches as decide_watches
from triggers.services.watch_rules import absences_of, too_many


@dataclass(frozen=True, slots=True)
class Armed:
    """One silence that runs, of the document's ``absence``-th absence. ``armed_by`` is an event, of which ``hop`` and
    ``trust_tier`` are.
    """

    due_at: datetime
    armed_by: int
    item_id: int
    absence: int
    armed_at: datetime
    hop: int
    trust_tier: str


Written = list[Any]
"""One of them as a cursor holds it: what it is, and when it was armed in microseconds."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Silences:
    """What runs of a document, event after event: one of each absence for each item.

    Before an event is seen, whatever was over by then is to be asked for with ``due``.
    """

    def __init__(self, conditions: Any, written: Iterable[Written] = ()) -> None:
        self._absences = absences_of(conditions)
        self._running: dict[tuple[int, int], Armed] = {}
        self._due: list[tuple[datetime, int, int, Armed]] = []
        for armed_at, armed_by, item_id, number, hop, tier in written:
            self._begin(_EPOCH + armed_at * _MICROSECOND, armed_by, item_id, number, hop, tier)

    @property
    def longest(self) -> timedelta:
        """The longest time that the document waits; none where it waits for nothing."""
        return max((one.want.within for one in self._absences), default=timedelta(0))

    def name(self, armed: Armed) -> str:
        """The absence by its name in the conditions."""
        return self._absences[armed.absence].want.name

    def see(self, event: Event, facts: EventFacts, item: ItemFacts | None) -> str:
        """Arm and disarm by one event; why nothing could be armed, as a sentence, empty where nothing was wanted."""
        problem = ""
        if event.item_id is None:
            return problem
        for number, absence in enumerate(self._absences):
            breaks, arms = absence.bears(facts, item)
            if not breaks and not arms:
                continue
            armed = self._running.get((event.item_id, number))
            effect = absence.effect(
                [armed] if armed is not None else [], at=event.accepted_at, breaks=breaks, arms=arms
            )
            for ended in effect.ended:
                self.end(ended)
            if effect.arms:
                problem = self._arm(event, event.item_id, number) or problem
        return problem

    def due(self, by: datetime) -> Sequence[Armed]:
        """Whose time is up by then, the longest overdue first. Each is to be ended, or put off, by whoever asks."""
        found = []
        while self._due and self._due[0][0] <= by:
            one = heappop(self._due)[3]
            if self._running.get((one.item_id, one.absence)) == one:
                found.append(one)
        return found

    def put_off(self, one: Armed) -> None:
        """Its time is up, but not everything that may end it was seen: it is due again with the next event."""
        heappush(self._due, (one.due_at, one.armed_by, one.absence, one))

    def end(self, one: Armed) -> None:
        """It does not run any more."""
        del self._running[one.item_id, one.absence]

    def written(self) -> list[Written]:
        """What runs, for a cursor."""
        return [
            [(one.armed_at - _EPOCH) // _MICROSECOND, one.armed_by, one.item_id, one.absence, one.hop, one.trust_tier]
            for one in self._running.values()
        ]

    def __len__(self) -> int:
        return len(self._running)

    def _arm(self, event: Event, item_id: int, number: int) -> str:
        if len(self) >= decide_watches.MOST_ARMED:
            return too_many(decide_watches.MOST_ARMED)
        self._begin(event.accepted_at, event.pk, item_id, number, event.hop, event.trust_tier)
        return ""

    def _begin(self, at: datetime, armed_by: int, item_id: int, number: int, hop: int, trust_tier: str) -> None:
        one = Armed(at + self._absences[number].want.within, armed_by, item_id, number, at, hop, trust_tier)
        self._running[item_id, number] = one
        self.put_off(one)
