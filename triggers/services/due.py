"""What is to be done with schedules that are due: read, thought out, and ready to be written.

Most is thought out before it is due (``look_ahead``), so that many slots of one second cost little more than their
rows. Nothing rests on that: what was thought out counts only where the schedule stands as it was read then; otherwise,
and in a process that never looked ahead, it is thought out when it is due.
"""

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from triggers.models import Schedule, SkipCalendar
from triggers.schedules.misfires import Misfire, Settled, settle
from triggers.schedules.plan import Due
from triggers.schedules.settings import FIELDS, Settings
from triggers.schedules.slots import Mark
from triggers.services import due_sql
from triggers.services.due_sql import Seen
from triggers.services.intake import body_hash
from triggers.services.schedules import rests_of
from triggers.sources.schedule.body import SlotBody

AHEAD = timedelta(seconds=30)
"""How long before it is due a slot may be thought out."""
AHEAD_AT_ONCE = 100
"""Schedules a look: 15 ms of CPU."""
MOST_AHEAD = 10_000
"""Kept in memory, 2 kB each."""
FORGOTTEN_AFTER = timedelta(seconds=60)
RESTS_FOR = timedelta(seconds=1)
"""From one look ahead that found nothing more to the next."""
LATE = "Nobody looked at the clock when it was due, and its schedule makes up for {}."
OFF = "Its connection is switched off."
_POLICY = {Misfire.SKIP: "none", Misfire.RUN_ONCE: "one", Misfire.CATCH_UP: "up to {}"}


class Ready(NamedTuple):
    """A slot that fires, with what its event says."""

    due: Due
    is_made_up: bool
    body: bytes
    body_hash: str


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with a schedule. ``reason`` is why slots are missed."""

    seen: Seen
    fires: Sequence[Ready]
    missed: Sequence[Due]
    reason: str
    mark: Mark
    next_at: datetime | None
    good_to: datetime
    """Later it is to be thought out again: its slot is late then, or another one is due."""


_SEEN = (
    *("pk", "mark_at", "mark_key", "version", "listener__connection_id", "listener__connection__is_enabled"),
    *("listener__item__external_key", "listener__item__title"),
)
_READ = (*_SEEN, *FIELDS, "anchor_at", "next_at")


def steps_due(now: datetime, *, most: int, most_events: int) -> list[Step]:
    """What to do with those that are due, the longest overdue first; up to ``most``, and no more of them than it takes
    to fire ``most_events`` slots.
    """
    seen = due_sql.seen_due(now, most)
    ready = {one.schedule_id: step for one in seen if (step := _ahead.step(one, now)) is not None}
    missing = [one.schedule_id for one in seen if one.schedule_id not in ready]
    found: list[Step] = []
    events = 0
    thought = {step.seen.schedule_id: step for step in _thought_out(missing, now)}
    for one in seen:
        step = ready.get(one.schedule_id) or thought.get(one.schedule_id)
        if step is None:  # it is gone by now
            continue
        found.append(step)
        events += len(step.fires)
        if events >= most_events:
            break
    return found


def look_ahead(now: datetime) -> int:
    """Think out what is due soon, some at a time; how many."""
    return _ahead.look(now)


def forget(steps: Collection[Step] | None = None) -> None:
    """These were written; or all, for the database is another one."""
    _ahead.forget(steps)


class _Ahead:
    """What this process has thought out, by schedule, in the order of their times."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[int, tuple[datetime, Step]] = {}
        self._upto: tuple[datetime, int] | None = None
        self._rests_to: datetime | None = None

    def step(self, seen: Seen, now: datetime) -> Step | None:
        found = self._steps.get(seen.schedule_id)
        if found is None or found[1].seen != seen:
            return None
        at, step = found
        return step if at <= now <= step.good_to else None

    def look(self, now: datetime) -> int:
        self._drop_old(now)
        if len(self._steps) >= MOST_AHEAD or (self._rests_to is not None and now < self._rests_to <= now + RESTS_FOR):
            return 0
        at, pk = max(self._upto or (now, 0), (now, 0))
        if at > now + AHEAD:  # the clock was put back
            at, pk = now, 0
        soon = Q(next_at__gte=at, next_at__lte=now + AHEAD) & (Q(next_at__gt=at) | Q(pk__gt=pk))
        rows = Schedule.objects.filter(soon).order_by("next_at", "pk")[:AHEAD_AT_ONCE]
        found = _with_times(rows, None)
        with self._lock:
            for due_at, step in found:
                pk = step.seen.schedule_id
                self._upto = due_at, pk
                self._steps.pop(pk, None)  # its place is behind the others
                if len(step.fires) == 1 and not step.missed:
                    self._steps[pk] = due_at, step
        self._rests_to = now + RESTS_FOR if len(found) < AHEAD_AT_ONCE else None
        return len(found)

    def forget(self, steps: Collection[Step] | None) -> None:
        with self._lock:
            if steps is None:
                self._steps.clear()
                self._upto = self._rests_to = None
                return
            for step in steps:
                self._steps.pop(step.seen.schedule_id, None)

    def _drop_old(self, now: datetime) -> None:
        """What was changed or paused meanwhile, or fired by another process."""
        with self._lock:
            while self._steps and self._steps[first := next(iter(self._steps))][0] < now - FORGOTTEN_AFTER:
                del self._steps[first]


_ahead = _Ahead()


def _thought_out(schedule_ids: Collection[int], now: datetime) -> list[Step]:
    rows = Schedule.objects.filter(pk__in=schedule_ids)
    return [step for _, step in _with_times(rows, now)] if schedule_ids else []


def _with_times(rows: QuerySet[Schedule], now: datetime | None) -> list[tuple[datetime, Step]]:
    """What to do with each at a time, or when it is due; with that time."""
    read = list(rows.values_list(*_READ))
    rests = _calendars([row[0] for row in read])
    found = []
    for row in read:
        seen, settings = Seen(*row[: len(_SEEN)]), Settings(*row[len(_SEEN) : -2])
        anchor_at, next_at = row[-2:]
        at = now or next_at
        found.append((at, _step(seen, settings, anchor_at, rests[seen.schedule_id], at)))
    return found


def _calendars(schedule_ids: Collection[int]) -> Mapping[int, Sequence[SkipCalendar]]:
    found: defaultdict[int, list[SkipCalendar]] = defaultdict(list)
    links: Any = Schedule.calendars.through.objects.filter(schedule__in=schedule_ids)
    for link in links.select_related("skipcalendar"):
        found[link.schedule_id].append(link.skipcalendar)
    return found


def _step(seen: Seen, settings: Settings, anchor_at: datetime, rests: Sequence[SkipCalendar], at: datetime) -> Step:
    plan = settings.plan(anchor=anchor_at, rests=rests_of(rests), seed=seen.schedule_id)
    grace, misfire = timedelta(seconds=settings.grace_s), Misfire(settings.misfire)
    mark = Mark(seen.mark_at, seen.mark_key)
    settled = settle(plan, mark, now=at, misfire=misfire, grace=grace, catch_up=settings.catch_up)
    fires, missed = (settled.fires, settled.missed) if seen.is_enabled else ((), [*settled.missed, *settled.fires])
    policy = _POLICY[misfire].format(settings.catch_up)
    next_at = settled.next_due.fires_at if settled.next_due is not None else None
    return Step(
        seen=seen,
        fires=[_ready(seen, settings.timezone, due, settled) for due in fires],
        missed=missed,
        reason=LATE.format(policy) if seen.is_enabled else OFF,
        mark=settled.mark,
        next_at=next_at,
        good_to=_good_to(fires, grace, next_at) if not settled.late else at,
    )


def _good_to(fires: Sequence[Due], grace: timedelta, next_at: datetime | None) -> datetime:
    in_time = min((due.fires_at for due in fires), default=_BEGINNING) + grace
    return in_time if next_at is None else min(in_time, next_at - _MOMENT)


def _ready(seen: Seen, timezone: str, due: Due, settled: Settled) -> Ready:
    slot, is_made_up = due.slot, due.slot.key in settled.late
    body = SlotBody(
        schedule_id=seen.schedule_id,
        item_key=seen.item_key,
        title=seen.title,
        slot=slot.key,
        due_at=slot.at,
        local=slot.wall.isoformat(timespec="minutes" if not slot.wall.second else "seconds"),
        timezone=timezone,
        is_made_up=is_made_up,
    ).to_bytes()
    return Ready(due, is_made_up, body, body_hash(body))


_MOMENT = timedelta(microseconds=1)
_BEGINNING = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
