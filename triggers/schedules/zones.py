"""Time zones: what the clock on the wall shows, and where it is put forward or back. Pure; reads the zone database."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

MOST_YEARS = range(1970, 2200)


class BadZone(ValueError):
    """There is no such time zone."""


class Change(NamedTuple):
    """The wall clock is put from ``before`` to ``after`` (both its distance from UTC) at an instant."""

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def forward(self) -> timedelta:
        """How far it goes forward; negative where it goes back."""
        return self.after - self.before


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every name that may be chosen, from the zone database of this machine or of the tzdata package."""
    return frozenset(available_timezones()) - {"localtime", "Factory"}


@lru_cache(maxsize=1_000)
def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name. Raises BadZone; a name is never a path."""
    if name not in zone_names():
        raise BadZone(f"There is no time zone {name[:60]!r}; write one such as Europe/Paris.")
    return ZoneInfo(name)


def offset(name: str, at: datetime) -> timedelta:
    """How far the wall clock is from UTC at an instant."""
    return at.astimezone(zone(name)).utcoffset() or timedelta()


def wall_of(name: str, at: datetime) -> datetime:
    """What the clock on the wall shows at an instant, naive."""
    return at.astimezone(zone(name)).replace(tzinfo=None)


def first_instant(name: str, wall: datetime) -> datetime:
    """When the wall clock shows a time for the first time; for one that it leaps over, when it has leapt."""
    change = gap_around(name, wall)
    if change is not None:
        return change.at
    return wall.replace(tzinfo=zone(name), fold=0).astimezone(UTC)


def gap_around(name: str, wall: datetime) -> Change | None:
    """The change that leaps over a wall time; None where the clock shows it."""
    near = _near(name, wall.date())
    return next((one for one in near if one.at + one.before <= _utc(wall) < one.at + one.after), None)


def fold_around(name: str, wall: datetime) -> Change | None:
    """The change by which the clock shows a wall time twice; None where it does not."""
    near = _near(name, wall.date())
    return next((one for one in near if one.at + one.after <= _utc(wall) < one.at + one.before), None)


def next_change(name: str, after: datetime) -> Change | None:
    """The first change later than an instant, within two years."""
    years = range(after.year, after.year + 3)
    return next((one for year in years for one in changes(name, year) if one.at > after), None)


@lru_cache(maxsize=10_000)
def changes(name: str, year: int) -> tuple[Change, ...]:
    """The changes of a year of UTC, in order. One is found where two days differ; none is undone within a day."""
    if year not in MOST_YEARS:
        return ()
    found = []
    day, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    before = offset(name, day)
    while day < end:
        after = offset(name, day + timedelta(days=1))
        if after != before:
            found.append(Change(_instant(name, day, before), before, after))
        day, before = day + timedelta(days=1), after
    return tuple(found)


@lru_cache(maxsize=10_000)
def _near(name: str, day: date) -> tuple[Change, ...]:
    """The changes that may bear on a day of the wall clock, which is never further than a day from UTC."""
    first, last = day - timedelta(days=2), day + timedelta(days=2)
    found = (one for year in sorted({first.year, last.year}) for one in changes(name, year))
    return tuple(one for one in found if first <= one.at.date() <= last)


def _instant(name: str, day: datetime, before: timedelta) -> datetime:
    low, high = 0, 86_400
    while high - low > 1:
        middle = (low + high) // 2
        if offset(name, day + timedelta(seconds=middle)) == before:
            low = middle
        else:
            high = middle
    return day + timedelta(seconds=high)


def _utc(wall: datetime) -> datetime:
    """A wall time as if it were UTC, to be compared with an instant plus its distance from UTC."""
    return wall.replace(tzinfo=UTC)
