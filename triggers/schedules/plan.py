"""A schedule as it stands: what it names, in which zone, from when to when, and on which days it rests. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import NamedTuple

from triggers.schedules import zones
from triggers.schedules.cron import Cron
from triggers.schedules.days import Days
from triggers.schedules.slots import Mark, Slot, cron_slots, interval_slots

MOST_RESTS = 1_000
"""Rests that are skipped from one slot to the next, before it counts as one that never comes."""
SHOWN_RESTS = 20


class Due(NamedTuple):
    """A slot, and when it fires: up to the schedule's jitter later."""

    slot: Slot
    fires_at: datetime


@dataclass(frozen=True)
class Plan:
    """Either ``cron`` or ``every_s``, which counts from ``anchor``. ``seed`` tells the jitter of one schedule from that
    of another. Times are aware; both ends are part of it.
    """

    zone: str
    anchor: datetime
    cron: Cron | None = None
    every_s: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter_s: int = 0
    rests: Days = field(default_factory=Days)
    seed: int = 0

    def due(self, after: Mark) -> Iterator[Due]:
        """What is due later than a mark, in the order of the slots."""
        for slot in self._slots(after):
            if self.ends_at is not None and slot.at > self.ends_at:
                return
            yield Due(slot, slot.at + self.jitter(slot))

    def jitter(self, slot: Slot) -> timedelta:
        """How much later than its time a slot fires: from nothing to ``jitter_s``, the same whenever it is asked."""
        if not self.jitter_s:
            return timedelta()
        drawn = hashlib.blake2b(f"{self.seed}:{slot.key}".encode(), digest_size=8).digest()
        return timedelta(milliseconds=int.from_bytes(drawn) % (self.jitter_s * 1_000))

    def _slots(self, after: Mark) -> Iterator[Slot]:
        mark = max(after, Mark.before(self.starts_at)) if self.starts_at is not None else after
        for _ in range(MOST_RESTS):
            rest: Slot | None = None
            for slot in self._all(mark):
                if self.rests.rests(slot.wall.date()):
                    rest = slot
                    break
                yield slot
            if rest is None:
                return
            # A rest is left at once, not minute by minute.
            mark = max(rest.mark, Mark.before(self._end_of_rest(rest.wall.date())))

    def _all(self, after: Mark) -> Iterator[Slot]:
        if self.cron is not None:
            return cron_slots(self.cron, self.zone, after)
        return interval_slots(self.every_s, self.anchor, self.zone, after)

    def _end_of_rest(self, day: date) -> datetime:
        return zones.first_instant(self.zone, datetime.combine(self.rests.rests_until(day) + timedelta(days=1), time()))


class Run(NamedTuple):
    """A coming run as it is shown: local time with its distance from UTC, and what is special about its day.

    ``note`` is ``moved`` (the clock leaps over its time, so it runs right after), ``once`` (its time comes twice; it
    runs at the first), ``change_day`` (the clock is changed on that day) or empty.
    """

    due: Due
    local: datetime
    note: str


class Preview(NamedTuple):
    """The next runs, and the days on which it would have run before the last of them but rests."""

    runs: tuple[Run, ...]
    rests: tuple[date, ...]


def preview(plan: Plan, after: Mark, count: int = 5) -> Preview:
    """What comes next."""
    found = list(islice(plan.due(after), count))
    runs = tuple(Run(due, due.fires_at.astimezone(zones.zone(plan.zone)), _note(plan, due.slot)) for due in found)
    return Preview(runs, tuple(islice(_rests(plan, after, found), SHOWN_RESTS)))


def _note(plan: Plan, slot: Slot) -> str:
    is_named_by_wall = plan.cron is not None and not plan.cron.follows_real_time
    if is_named_by_wall and zones.gap_around(plan.zone, slot.wall) is not None:
        return "moved"
    if is_named_by_wall and zones.fold_around(plan.zone, slot.wall) is not None:
        return "once"
    begin = datetime.combine(slot.wall.date(), time(), tzinfo=UTC)
    offsets = {zones.offset(plan.zone, begin - zones.offset(plan.zone, begin) + timedelta(hours=h)) for h in (0, 24)}
    return "change_day" if len(offsets) > 1 else ""


def _rests(plan: Plan, after: Mark, found: list[Due]) -> Iterator[date]:
    """The days between now and the last of what is shown on which it rests instead of running."""
    if not found or plan.rests == Days():
        return
    first = (max(after.at, plan.starts_at) if plan.starts_at is not None else after.at).astimezone(
        zones.zone(plan.zone)
    )
    last = found[-1].slot.wall.date()
    for step in range((last - first.date()).days):
        day = first.date() + timedelta(days=step)
        if plan.rests.rests(day) and (plan.cron is None or plan.cron.is_named(day)):
            yield day
