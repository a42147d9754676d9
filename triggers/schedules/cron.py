"""Cron expressions: five fields or an alias, read strictly, and the next wall time that one names. Pure.

croniter reads the values. What it lets pass (``R R * * *``, six fields, 40 kB of text, 30 February) is refused here,
with the name of the field.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from croniter import croniter

MAX_LENGTH = 100
MAX_YEARS = 50
"""29 February on a certain day of the week comes every 28 years, over 2100 every 40."""
ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class BadCron(ValueError):
    """The expression names no times; the message says which field, and why."""


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first: int = 0
    """The number of the first name."""

    def number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.first
        if not re.fullmatch(r"[0-9]{1,4}", text):
            raise BadCron(f"The {self.name} {text!r} is not understood; write numbers from {self.low} to {self.high}.")
        if not self.low <= int(text) <= self.high:
            raise BadCron(f"The {self.name} {text} is not between {self.low} and {self.high}.")
        return int(text)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of the week", 0, 7, _DAYS),
)


@dataclass(frozen=True)
class Cron:
    """The times that an expression names, as sorted numbers; ``weekdays`` count from Sunday, 0.

    ``follows_real_time``: minute or hour begin with a star, so it runs every so often rather than at a time of day.
    ``needs_both_days``: a day must be right by month and by week; else one of the two is enough (crontab(5)).
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: frozenset[int]
    follows_real_time: bool
    needs_both_days: bool

    def at_or_after(self, wall: datetime) -> datetime | None:
        """The first time named from ``wall`` on (naive, of the clock on the wall); None within MAX_YEARS."""
        wall = _whole_minute(wall)
        for day in self._days_from(wall.date()):
            begin = wall.time() if day == wall.date() else time()
            found = self._time_from(begin)
            if found is not None:
                return datetime.combine(day, found)
        return None

    def is_named(self, day: date) -> bool:
        """Whether it runs on a day at all."""
        by_month = day.day in self.days
        by_week = day.isoweekday() % 7 in self.weekdays
        is_right = by_month and by_week if self.needs_both_days else by_month or by_week
        return is_right and day.month in self.months

    def _days_from(self, first: date) -> Iterator[date]:
        for year in range(first.year, first.year + MAX_YEARS + 1):
            for month in self.months:
                if (year, month) < (first.year, first.month):
                    continue
                day = first if (year, month) == (first.year, first.month) else date(year, month, 1)
                while day.month == month:
                    if self.is_named(day):
                        yield day
                    day += timedelta(days=1)

    def _time_from(self, begin: time) -> time | None:
        at = bisect_left(self.hours, begin.hour)
        if at < len(self.hours) and self.hours[at] == begin.hour:
            minute = bisect_left(self.minutes, begin.minute)
            if minute < len(self.minutes):
                return time(begin.hour, self.minutes[minute])
            at += 1
        return time(self.hours[at], self.minutes[0]) if at < len(self.hours) else None


@lru_cache(maxsize=20_000)
def parse(text: str) -> Cron:
    """Read an expression. Raises BadCron for one that is wrong, and for one that never fires."""
    if len(text) > MAX_LENGTH:
        raise BadCron(f"The expression is longer than {MAX_LENGTH} characters.")
    parts = _spelled_out(text.strip()).split()
    if len(parts) != len(_FIELDS):
        names = ", ".join(field.name for field in _FIELDS)
        raise BadCron(f"An expression has five fields ({names}); this one has {len(parts)}.")
    for field, part in zip(_FIELDS, parts, strict=True):
        _check(field, part)
    minutes, hours, days, months, weekdays = (
        _values(field, expanded) for field, expanded in zip(_FIELDS, croniter.expand(" ".join(parts))[0], strict=True)
    )
    found = Cron(
        text=" ".join(parts),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        follows_real_time=parts[0].startswith("*") or parts[1].startswith("*"),
        needs_both_days=parts[2].startswith("*") or parts[4].startswith("*"),
    )
    _must_fire(found)
    return found


def _spelled_out(text: str) -> str:
    if not text.startswith("@"):
        return text
    if text.lower() not in ALIASES:
        raise BadCron(f"The alias {text!r} is not known; there are {', '.join(ALIASES)}.")
    return ALIASES[text.lower()]


def _check(field: _Field, part: str) -> None:
    for item in part.split(","):
        span, slash, step = item.partition("/")
        low, dash, high = span.partition("-")
        if span != "*":
            first = field.number(low)
            if dash and field.number(high) < first:
                raise BadCron(f"The {field.name} {span} runs backwards; write it as two, with a comma between.")
        if slash and not re.fullmatch(r"[0-9]{1,4}", step):
            raise BadCron(f"The {field.name} {item!r} is not understood; a step is a whole number.")
        if slash and not 1 <= int(step) <= field.high:
            raise BadCron(f"The step of the {field.name} {item} is not between 1 and {field.high}.")


def _values(field: _Field, expanded: list[int | str]) -> tuple[int, ...]:
    numbers = (one for one in expanded if isinstance(one, int))
    return tuple(range(field.low, field.high + 1)) if expanded == ["*"] else tuple(sorted(set(numbers)))


def _must_fire(cron: Cron) -> None:
    if cron.at_or_after(datetime(2000, 1, 1)) is not None:  # noqa: DTZ001 - any wall time will do
        return
    # Every day of the month that a month has falls on each day of the week within MAX_YEARS.
    months = ", ".join(_MONTHS[month - 1] for month in cron.months)
    raise BadCron(f"It never fires: the month {months} has no day of the month {min(cron.days)}.")


def _whole_minute(wall: datetime) -> datetime:
    floor = wall.replace(second=0, microsecond=0)
    return floor if floor == wall else floor + timedelta(minutes=1)
