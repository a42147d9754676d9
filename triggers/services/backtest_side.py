"""One document in a back-test: what it would have answered, with the cooldown that its own firings would have made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triggers.conditions.absences import absences
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.documents import read
from triggers.enums import Outcome, TriggerStatus
from triggers.matching.program import compiled
from triggers.models import Event
from triggers.services.decide_rules import Circumstances, delayed_until, suppression
from triggers.services.explain import item_ids_of
from triggers.services.matching import listens


@dataclass
class Cooling:
    """When it would have fired last, and to when a delayed one would have been put off."""

    last_fired_at: datetime | None = None
    delayed_to: datetime | None = None


@dataclass(frozen=True)
class Told:
    """An answer; ``starts_at`` is when the work might begin, where it would fire. Not asked: an empty outcome."""

    outcome: str
    starts_at: datetime | None = None


class Side:
    """Answers event after event, in the order in which they were decided.

    The conditions are those that the index asks, compiled by the same function: nobody needs reasons here.
    """

    def __init__(self, document: Mapping[str, Any], cooling: Cooling) -> None:
        self._raw = document
        self._document = read(document)
        self._holds = compiled(document.get("conditions"))
        self._arms = [compiled(one.after) for one in absences(document.get("conditions"))]
        self.cooling = cooling

    def answer(self, event: Event, facts: EventFacts, item: ItemFacts | None, own_actors: Sequence[str]) -> Told:
        """What it would have answered to an event then."""
        if not listens(self._raw, connection_id=event.connection_id, item_ids=item_ids_of(event)):
            return Told("")
        holds = self._holds(facts, item)
        if holds is None:
            return Told(Outcome.ERROR)
        if not holds and event.item_id is not None and any(arms(facts, item) for arms in self._arms):
            # Whether its time would have passed in silence is not looked at here: that is no "no".
            return Told(Outcome.ERROR)
        return self._matched(event, own_actors) if holds else Told(Outcome.NOT_MATCHED)

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
