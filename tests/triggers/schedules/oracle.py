"""A cron daemon, minute by minute: slow, obvious, and written without a look at the one that it judges."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
NAMES = {
    name: at
    for at, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
} | {name: at for at, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def runs(expression: str, zone: str, start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """(instant, wall time that was asked for) of every run in (start, end], as a daemon that watches the wall clock
    would have it (cron(8) of Debian).
    """
    fields = expression.split()
    sets = [_numbers(field, *RANGES[at]) for at, field in enumerate(fields)]
    follows_real_time = fields[0][0] == "*" or fields[1][0] == "*"
    tz, found = ZoneInfo(zone), []
    # The daemon has been up for a day, so it knows which wall times were shown.
    now = start - timedelta(days=1)
    latest = now.astimezone(tz).replace(tzinfo=None)
    while now < end:
        now += MINUTE
        wall = now.astimezone(tz).replace(tzinfo=None)
        if follows_real_time:
            asked = [wall]
        elif wall <= latest:
            asked = []  # shown before
        elif wall - latest < timedelta(hours=3):
            asked = [latest + MINUTE * step for step in range(1, (wall - latest) // MINUTE + 1)]
        else:
            asked = [wall]
        latest = max(latest, wall)
        found += [(now, f"{one:%Y-%m-%dT%H:%M}") for one in asked if now > start and _matches(one, fields, sets)]
    return found


def _matches(wall: datetime, fields: list[str], sets: list[set[int]]) -> bool:
    minutes, hours, days, months, weekdays = sets
    by_month, by_week = wall.day in days, wall.isoweekday() in weekdays or wall.isoweekday() % 7 in weekdays
    one_is_open = fields[2][0] == "*" or fields[4][0] == "*"
    right_day = (by_month and by_week) if one_is_open else (by_month or by_week)
    return wall.minute in minutes and wall.hour in hours and wall.month in months and right_day


def _numbers(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        begin = low if span == "*" else _number(first)
        end = high if span == "*" or (step and not last) else _number(last or first)
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def _number(text: str) -> int:
    return NAMES[text] if text in NAMES else int(text)


def utc(text: str) -> datetime:
    """An instant from "2026-03-29 01:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
