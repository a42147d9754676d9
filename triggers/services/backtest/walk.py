"""The walk of a back-test: event after event, and between them whatever silence was long enough."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from accounts.models import Connection
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.enums import Outcome, Suppression
from triggers.models import Event
from triggers.services.backtest.elapse import Clock, Gone, TooEarly
from triggers.services.backtest.past import StoredThen
from triggers.services.backtest.progress import Progress
from triggers.services.backtest.side import Side, Told
from triggers.services.backtest.watches import Armed
from triggers.services.explain import item_then
from triggers.services.judge import event_facts
from triggers.services.own_writes import own_actors_of

_LEAST = timedelta(microseconds=1)


class Walk:
    """Asks the document and what is published, in that order, and notes in ``progress`` what they say.

    The order is that in which events were decided. The time of a watch is up before the first event that was accepted
    when it was, as the clock brings it live.
    """

    def __init__(
        self, sides: Sequence[Side], stored: StoredThen, trigger_id: int, since: datetime, progress: Progress
    ) -> None:
        self._sides = sides
        self._stored = stored
        self._clock = Clock(trigger_id)
        self._since = since
        self._progress = progress

    def look_at(self, events: Sequence[Event]) -> None:
        """Events before the window."""
        for event in events:
            self._pass_time(event.accepted_at, at=event.pk)
            item, is_purged = item_then(event, _state)
            if not is_purged:
                facts = event_facts(event)
                for side in self._sides:
                    side.see(event, facts, item)
        self._progress.earlier += len(events)

    def ask(self, events: Sequence[Event]) -> None:
        """Events of the window."""
        own_actors = _own_actors(events)
        for event in events:
            self._pass_time(event.accepted_at, at=event.pk)
            item, is_purged = item_then(event, _state)
            if is_purged:
                self._progress.unknown += 1
            else:
                self._ask(event, event_facts(event), item, own_actors[event.connection_id])
        self._progress.seen += len(events)

    def end(self) -> None:
        """The window is over: so is every silence that was long enough before. One that was cut ends where it was."""
        progress = self._progress
        if not progress.is_cut:
            self._pass_time(datetime.fromisoformat(progress.ends_at) - _LEAST, at=progress.last_id + 1)
        progress.still_running = len(self._sides[0].silences)
        progress.starts.extend(list(start) for start in self._sides[0].end())

    def write(self) -> None:
        """Note how both stand, for the next slice."""
        self._progress.pacing = [side.pacing.written() for side in self._sides]
        self._progress.running = [side.silences.written() for side in self._sides]

    def _ask(self, event: Event, facts: EventFacts, item: ItemFacts | None, own_actors: Sequence[str]) -> None:
        self._stored.at = event.pk
        told = [side.answer(event, facts, item, own_actors) for side in self._sides]
        self._count(told[0], event.accepted_at)
        self._progress.unwatched += told[0].is_unwatched
        self._mark(event.pk, "", told[:1], told[1:])

    def _pass_time(self, by: datetime, *, at: int) -> None:
        """Bring back the watches whose time is up by then; those that the same event armed on both sides together."""
        due = [
            (one.due_at, one.armed_by, number, one)
            for number, side in enumerate(self._sides)
            for one in side.silences.due(by)
        ]
        for (due_at, armed_by), ones in groupby(sorted(due, key=itemgetter(0, 1, 2)), key=itemgetter(0, 1)):
            told: tuple[list[Told], list[Told]] = ([], [])
            for _, _, number, one in ones:
                told[number].extend(self._time_up(number, one, at))
            self._mark(armed_by, due_at.isoformat(), *told)

    def _time_up(self, number: int, one: Armed, at: int) -> Sequence[Told]:
        """The answer of a side when the time of one of its watches was up, if there is one already."""
        silences, progress = self._sides[number].silences, self._progress
        if one.due_at < self._since:
            silences.end(one)
            return ()
        try:
            found = self._clock.time_up(one, silences.name(one), at=at)
        except TooEarly:
            silences.put_off(one)
            return ()
        except Gone:
            silences.end(one)
            progress.unknown += number == 0
            return ()
        silences.end(one)
        self._stored.at = at
        told = self._sides[number].time_up(found)
        if number == 0:
            self._count(told, one.due_at)
            progress.silences += told.outcome == Outcome.FIRED
        return (told,)

    def _count(self, told: Told, at: datetime) -> None:
        progress = self._progress
        progress.suppressed += told.outcome == Outcome.SUPPRESSED
        progress.undecided += told.outcome == Outcome.ERROR
        if told.suppressed_by == Suppression.STORM:
            progress.storms += 1
            progress.storm_at = progress.storm_at or at.isoformat()
        progress.taken_in += told.is_taken_in
        started = (*told.begun, *([told.start] if told.start is not None else []))
        progress.starts.extend(list(start) for start in started)

    def _mark(self, event_id: int, over_at: str, draft: Sequence[Told], published: Sequence[Told]) -> None:
        fires, fired = (sum(one.outcome == Outcome.FIRED for one in told) for told in (draft, published))
        same = min(fires, fired)
        for mark, number in (("same", same), ("gained", fires - same), ("lost", fired - same)):
            setattr(self._progress, mark, getattr(self._progress, mark) + number)
            self._progress.found.extend([(event_id, mark, over_at)] * number)


def _state(event: Any) -> Mapping[str, Any] | None:
    """As the events of a slice bring it along."""
    found: Mapping[str, Any] | None = event.then
    return found


def _own_actors(events: Sequence[Event]) -> dict[int, Sequence[str]]:
    """{connection id: the accounts by which DCT itself acts there}."""
    rows = Connection.objects.filter(pk__in={event.connection_id for event in events})
    return {pk: own_actors_of(config) for pk, config in rows.values_list("pk", "config")}
