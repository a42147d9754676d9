"""The slots of a cron expression or an interval: which instants, in which order, each once. Pure.

Debian's rule for the days on which the clock is changed (cron(8)): a job at a time of day is named by the wall clock;
one that the clock leaps over runs right after the leap, one that it shows twice runs at the first. A job whose minute
or hour begins with a star follows real time. Leaps of three hours and more are no summer time: nothing is caught up.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from triggers.schedules import zones
from triggers.schedules.cron import Cron

SUMMER_TIME = timedelta(hours=3)
_MINUTE = timedelta(minutes=1)


class Mark(NamedTuple):
    """A place in the order of all slots: an instant, and the name of a slot there. Slots of one instant go by name."""

    at: datetime
    key: str

    @classmethod
    def before(cls, at: datetime) -> "Mark":
        """Everything at this instant is still to come."""
        return cls(at, "")

    @classmethod
    def after(cls, at: datetime) -> "Mark":
        """Everything at this instant is over."""
        return cls(at, "~")


class Slot(NamedTuple):
    """One time at which a schedule is due. ``key`` names it for good: a job at a time of day by the wall clock's time,
    others by the instant (with a Z). ``wall`` is what the expression asked for, naive.
    """

    at: datetime
    key: str
    wall: datetime

    @property
    def mark(self) -> Mark:
        return Mark(self.at, self.key)


def cron_slots(cron: Cron, zone: str, after: Mark) -> Iterator[Slot]:
    """The slots later than a mark, in order."""
    return _real_time(cron, zone, after) if cron.follows_real_time else _times_of_day(cron, zone, after)


def interval_slots(seconds: int, anchor: datetime, zone: str, after: Mark) -> Iterator[Slot]:
    """Every so many seconds from ``anchor`` on, whatever the wall clock does."""
    step = timedelta(seconds=seconds)
    at = anchor + max(0, (after.at - anchor) // step) * step
    while True:
        slot = Slot(at, _instant_key(at), zones.wall_of(zone, at))
        if slot.mark > after:
            yield slot
        at += step


def _times_of_day(cron: Cron, zone: str, after: Mark) -> Iterator[Slot]:
    # What the clock leapt over comes right after the leap, so a mark there may have some of it still to come.
    earlier = after.at - SUMMER_TIME
    is_quiet = zones.offset(zone, earlier) == zones.offset(zone, after.at)
    wall = zones.wall_of(zone, after.at if is_quiet else earlier).replace(second=0, microsecond=0)
    while (found := cron.at_or_after(wall)) is not None:
        gap = zones.gap_around(zone, found)
        if gap is None or gap.forward < SUMMER_TIME:
            slot = Slot(zones.first_instant(zone, found), found.isoformat(timespec="minutes"), found)
            if slot.mark > after:
                yield slot
        wall = found + _MINUTE


def _real_time(cron: Cron, zone: str, after: Mark) -> Iterator[Slot]:
    at = after.at
    while True:
        distance = zones.offset(zone, at)
        change = zones.next_change(zone, at)
        wall = (at + distance).replace(tzinfo=None)
        while (found := cron.at_or_after(wall)) is not None:
            instant = (found - distance).replace(tzinfo=UTC)
            if change is not None and instant >= change.at:
                break
            slot = Slot(instant, _instant_key(instant), found)
            if slot.mark > after:
                yield slot
            wall = found + _MINUTE
        if found is None or change is None:
            return
        at = change.at


def _instant_key(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds" if at.second else "minutes") + "Z"
