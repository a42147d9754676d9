"""One document in a back-test: what it would have answered, with the cooldown, the rate and the storms that its own
firings would have made.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from operator import itemgetter
from typing import Any

from triggers.conditions.evaluate import consults_events
from triggers.conditions.facts import EventFacts, ItemFacts, TrustTier
from triggers.documents import read
from triggers.enums import Outcome, Suppression, TriggerStatus
from triggers.matching.program import compiled
from triggers.models import Event
from triggers.services.backtest.elapse import TimeUp
from triggers.services.backtest.gather import Gatherings
from triggers.services.backtest.past import StoredThen
from triggers.services.backtest.queue import Start
from triggers.services.backtest.watches import Silences, Written
from triggers.services.decide.drain import is_old, stale_at
from triggers.services.decide.gather import Gathering, add, begun
from triggers.services.decide.past import Past
from triggers.services.decide.rates import most_known, rate_free_at, storm_firings
from triggers.services.decide.rules import Circumstances, delayed_until, gathers, suppression
from triggers.services.explain import item_ids_of
from triggers.services.judge import judge
from triggers.services.matching import listens

WrittenPacing = list[Any]
"""As a cursor holds it."""
MOST_COOLING = 5_000
"""Items whose cooldowns are known, those that fired last: they travel in the cursor."""


@dataclass
class Pacing:
    """When it would have fired: ``cooling`` is from when a cooldown counts, the last firing or the time to which a
    delayed one would have been put off, by item where each has its own (else under 0). ``fired`` is lately, oldest
    first, as far as its rate and its storm brake ask. ``resumed_at``: somebody resumed it after the brake had paused
    it. ``gatherings`` are its runs that wait for their time.
    """

    cooling: dict[int, datetime] = field(default_factory=dict)
    resumed_at: datetime | None = None
    fired: list[datetime] = field(default_factory=list)
    gatherings: Gatherings = field(default_factory=Gatherings)

    @classmethod
    def read(cls, written: WrittenPacing) -> "Pacing":
        """From what ``written`` made of it."""
        cooling, resumed_at, fired, gathering = written
        return cls(
            {item_id: _moment(at) for item_id, at in cooling},
            datetime.fromisoformat(resumed_at) if resumed_at else None,
            [_moment(at) for at in fired],
            Gatherings(gathering),
        )

    def written(self) -> WrittenPacing:
        """For a cursor."""
        cooling = nlargest(MOST_COOLING, ([item_id, _written(at)] for item_id, at in self.cooling.items()), key=_second)
        resumed_at = self.resumed_at.isoformat() if self.resumed_at is not None else None
        return [cooling, resumed_at, [_written(at) for at in self.fired], self.gatherings.written()]

    def fire(self, item_id: int, accepted_at: datetime, not_before: datetime | None, most: int) -> None:
        """Note a firing; of the last so many it is known when they were."""
        times = (accepted_at, not_before, self.cooling.get(item_id))
        self.cooling[item_id] = max(at for at in times if at is not None)
        insort(self.fired, accepted_at)
        del self.fired[: max(0, len(self.fired) - most)]


@dataclass(frozen=True)
class Told:
    """An answer; ``start`` is the work that it asks for, where it would fire. Not asked: an empty outcome.

    ``is_unwatched``: it would have armed one watch more than a trigger may have; ``is_taken_in``: it would have joined
    a run that waits. ``begun`` are the starts of runs that waited until now.
    """

    outcome: str
    start: Start | None = None
    suppressed_by: str = ""
    is_unwatched: bool = False
    is_taken_in: bool = False
    begun: tuple[Start, ...] = ()


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
        pacing: Pacing,
        backlog_after: timedelta,
        running: Iterable[Written] = (),
    ) -> None:
        self._trigger_id = trigger_id
        self._raw = document
        self._document = read(document)
        self._conditions = document.get("conditions")
        self._holds = compiled(self._conditions)
        self._consults = consults_events(self._conditions)
        self._stored = stored
        self.pacing = pacing
        self._backlog_after = backlog_after
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
        past = Past(self._stored, event, _item_id(event), self._conditions, trigger_id=self._trigger_id)
        verdict = judge(document=self._raw, event=facts, item=item, past=past)
        return verdict.matched if verdict.error is None else None

    def _matched(self, event: Event, own_actors: Sequence[str]) -> Told:
        begun_by_now = tuple(self.pacing.gatherings.close(event.decided_at))
        waiting = self._waiting(event)
        given, limits = self._circumstances(event, own_actors, waiting), self._document.limits
        held = suppression(given)
        if held is not None:
            if held.by == Suppression.STORM:
                self.pacing.resumed_at = event.decided_at
            return Told(Outcome.SUPPRESSED, suppressed_by=held.by, begun=begun_by_now)
        if waiting is not None and gathers(given):
            add(waiting, limits, event.decided_at)
            self._fire(event, waiting.until)
            return Told(Outcome.FIRED, is_taken_in=True, begun=begun_by_now)
        not_before = delayed_until(given)
        gathering = begun(limits, event.decided_at, not_before)
        not_before = gathering.until if gathering is not None else not_before
        self._fire(event, not_before)
        start = self._start(event, not_before or event.decided_at)
        if gathering is None:
            return Told(Outcome.FIRED, start, begun=begun_by_now)
        self.pacing.gatherings.keep(start, gathering)
        return Told(Outcome.FIRED, begun=begun_by_now)

    def end(self) -> Sequence[Start]:
        """The starts of runs that still wait."""
        return self.pacing.gatherings.close(None)

    def _fire(self, event: Event, not_before: datetime | None) -> None:
        limits = self._document.limits
        self.pacing.fire(
            self._cooled(event), event.accepted_at, not_before if limits.delays else None, most_known(limits)
        )

    def _cooled(self, event: Event) -> int:
        """Whose cooldown an event meets and begins."""
        return (_item_id(event) or 0) if self._document.limits.cools_by_item else 0

    def _waiting(self, event: Event) -> Gathering | None:
        limits, trust = self._document.limits, TrustTier(event.trust_tier).rank
        if not limits.gathers:
            return None
        return self.pacing.gatherings.find(limits, item_id=_item_id(event) or 0, trust=trust, now=event.decided_at)

    def _start(self, event: Event, begins_at: datetime) -> Start:
        limits, is_backlog = self._document.limits, is_old(event, event.decided_at, self._backlog_after)
        ends_at = stale_at(event, limits) if is_backlog else None
        expires_at = min(begins_at + limits.expires, ends_at or _NEVER)
        return Start(
            asked_at=int(event.decided_at.timestamp()),
            at=int(begins_at.timestamp()),
            expires_s=int((expires_at - begins_at).total_seconds()),
            item_id=_item_id(event) or 0,
            is_old=int(is_backlog),
            trust=TrustTier(event.trust_tier).rank,
        )

    def _circumstances(self, event: Event, own_actors: Sequence[str], waiting: Gathering | None) -> Circumstances:
        limits, pacing = self._document.limits, self.pacing
        since = pacing.cooling.get(self._cooled(event))
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
            free_at=since + limits.cooldown if since is not None and limits.cooldown_s else None,
            rate_free_at=rate_free_at(limits, pacing.fired),
            storm_firings=storm_firings(pacing.fired, event.accepted_at, pacing.resumed_at),
            is_gathering=waiting is not None,
        )


def _item_id(event: Event) -> int | None:
    return event.item.pk if event.item is not None else None


def _written(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _moment(written: int) -> datetime:
    return _EPOCH + written * _MICROSECOND


_second = itemgetter(1)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_NEVER = datetime.max.replace(tzinfo=UTC)
