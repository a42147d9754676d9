"""One document in a back-test: what it would have answered, with the cooldown that its own firings would have made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from triggers.conditions.evaluate import consults_events
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.documents import read
from triggers.enums import Outcome, TriggerStatus
from triggers.matching.program import compiled
from triggers.models import Event
from triggers.services.backtest_elapse import TimeUp
from triggers.services.backtest_past import StoredThen
from triggers.services.backtest_watches import Silences, Written
from triggers.services.decide_past import Past
from triggers.services.decide_rules import Circumstances, delayed_until, suppression
from triggers.services.explain import item_ids_of
from triggers.services.judge import judge
from triggers.services.matching import listens


@dataclass
class Cooling:
    """When it would have fired last, and to when a delayed one would have been put off."""

    last_fired_at: datetime | None = None
    delayed_to: datetime | None = None

    @classmethod
    def read(cls, written: Sequence[str | None]) -> "Cooling":
        """From what ``written`` made of it."""
        return cls(*(datetime.fromisoformat(at) if at is not None else None for at in written))

    def written(self) -> list[str | None]:
        """For a cursor."""
        return [at.isoformat() if at is not None else None for at in (self.last_fired_at, self.delayed_to)]


@dataclass(frozen=True)
class Told:
    """An answer; ``starts_at`` is when the work might begin, where it would fire. Not asked: an empty outcome.

    ``is_unwatched``: it would have armed one watch more than a trigger may have.
    """

    outcome: str
    starts_at: datetime | None = None
    is_unwatched: bool = False


class Side:
    """Answers event after event, in the order in which they were decided.

    The conditions are those that the index asks, compiled by the same function; where they look at other events they
    are judged as they are live, by ``stored``. Nobody needs reasons here.
    """

    def __init__(
        self,
        trigger_id: int,
        document: Mapping[str, Any],
        stored: StoredThen,
        cooling: Cooling,
        running: Iterable[Written] = (),
    ) -> None:
        self._trigger_id = trigger_id
        self._raw = document
        self._document = read(document)
        self._conditions = document.get("conditions")
        self._holds = compiled(self._conditions)
        self._consults = consults_events(self._conditions)
        self._stored = stored
        self.cooling = cooling
        self.silences = Silences(self._conditions, running)

    def answer(self, event: Event, facts: EventFacts, item: ItemFacts | None, own_actors: Sequence[str]) -> Told:
        """What it would have answered to an event then; what it waits for begins and ends."""
        if not self._listens(event):
            return Told("")
        holds = self._holds(facts, item)
        if holds is None and self._consults:
            holds = self._judged(event, facts, item)
        # Judged first, as it is live.
        unwatched = self.silences.see(event, facts, item)
        if holds is None or (unwatched and not holds):
            return Told(Outcome.ERROR, is_unwatched=bool(unwatched))
        told = self._matched(event, own_actors) if holds else Told(Outcome.NOT_MATCHED)
        return replace(told, is_unwatched=bool(unwatched))

    def see(self, event: Event, facts: EventFacts, item: ItemFacts | None) -> None:
        """An event before the window: nothing is answered, but what it waits for begins and ends."""
        if self._listens(event):
            self.silences.see(event, facts, item)

    def time_up(self, found: TimeUp) -> Told:
        """What it would have answered when the time of one of its watches was up."""
        holds = self._judged(found.event, found.facts, found.item)
        if holds is None:
            return Told(Outcome.ERROR)
        return self._matched(found.event, ()) if holds else Told(Outcome.NOT_MATCHED)

    def _listens(self, event: Event) -> bool:
        return listens(self._raw, connection_id=event.connection_id, item_ids=item_ids_of(event))

    def _judged(self, event: Event, facts: EventFacts, item: ItemFacts | None) -> bool | None:
        item_id = event.item.pk if event.item is not None else None
        past = Past(self._stored, event, item_id, self._conditions, trigger_id=self._trigger_id)
        verdict = judge(document=self._raw, event=facts, item=item, past=past)
        return verdict.matched if verdict.error is None else None

    def _matched(self, event: Event, own_actors: Sequence[str]) -> Told:
        given = self._circumstances(event, own_actors)
        if suppression(given) is not None:
            return Told(Outcome.SUPPRESSED)
        not_before, cooling = delayed_until(given), self.cooling
        cooling.last_fired_at = max(cooling.last_fired_at or event.accepted_at, event.accepted_at)
        cooling.delayed_to = not_before or cooling.delayed_to
        return Told(Outcome.FIRED, not_before or event.accepted_at)

    def _circumstances(self, event: Event, own_actors: Sequence[str]) -> Circumstances:
        limits, cooling = self._document.limits, self.cooling
        since = max((at for at in (cooling.last_fired_at, cooling.delayed_to) if at is not None), default=None)
        return Circumstances(
            status=TriggerStatus.ACTIVE,
            limits=limits,
            origin=event.origin,
            hop=event.hop,
            is_late=event.is_late,
            actor=event.actor,
            event_time=event.time,
            accepted_at=event.accepted_at,
            now=event.decided_at,
            own_actors=tuple(own_actors),
            last_fired_at=cooling.last_fired_at,
            free_at=since + limits.cooldown if since is not None and limits.cooldown_s else None,
        )
