"""The `time_window` leaf: it happened at certain hours of certain days in a time zone.

By the event's own time and not by when it was accepted: "a customer wrote at night" stays so when the mail is fetched
in the morning, and a replay or a dry run gets the answer of then. `stale_after` is there for what comes too late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from triggers.conditions.checks import Check, Complaint
from triggers.conditions.registry import Asked, Config, Leaf
from triggers.conditions.verdict import shown

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Window:
    """Hours by the clock on the wall, so that they stay where they are when summer time begins or ends.

    With an `end` that is not after the `start` it goes over midnight, and belongs to the day on which it starts. An
    `end` of None is midnight.
    """

    zone: ZoneInfo
    days: frozenset[int]
    start: time
    end: time | None

    def local(self, moment: datetime) -> datetime | None:
        """The moment by the clock on the wall, UTC where it names no zone; None beyond the years that there are."""
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(self.zone)
        except OverflowError:
            return None

    def holds(self, moment: datetime) -> bool | None:
        local = self.local(moment)
        if local is None:
            return None
        at, day = local.time(), local.weekday()
        if self.end is None or self.start < self.end:
            return at >= self.start and (self.end is None or at < self.end) and day in self.days
        if at >= self.start:
            return day in self.days
        return at < self.end and (day - 1) % 7 in self.days


def window(config: Config) -> Window:
    """What a configuration asks for. Raises KeyError, ValueError, OSError or TypeError where it is not sound."""
    days = config.get("days") or DAYS
    start, end = config.get("from") or "00:00", config.get("to") or "24:00"
    return Window(
        zone=_zone(config["zone"]),
        days=frozenset(DAYS.index(day) for day in days),
        start=_clock(start),
        end=None if end == "24:00" else _clock(end),
    )


def ask(asked: Asked) -> tuple[Check, ...]:
    wanted, moment = window(asked.config), asked.event.time
    if moment is None:
        return (Check("time", False, _hours(asked.config), "the event names no time"),)
    local = wanted.local(moment)
    if local is None:
        note = "the event's time is outside the years that a calendar has"
        return (Check("time", None, _hours(asked.config), shown(moment), note=note),)
    actual = f"{DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} ({local.tzname()})"
    return (Check("time", wanted.holds(moment), _hours(asked.config), shown(actual)),)


def say(config: Config) -> str:
    return f"it happens {_hours(config)}"


def complain(config: Config) -> tuple[Complaint, ...]:
    try:
        _zone(config["zone"])
    except (KeyError, ValueError, OSError):
        # ZoneInfo looks for a file of this name: a folder or an impossible name is not its kind of KeyError.
        return (Complaint("zone", "bad_zone", "is no IANA time zone such as Europe/Berlin."),)
    for key in ("from", "to"):
        if config.get(key) and not _is_clock(config[key], key):
            return (Complaint(key, "bad_time", "must be a time of day such as 09:00 or 17:30."),)
    if (config.get("from") or "00:00") == (config.get("to") or "24:00"):
        return (Complaint("to", "wrong_order", "must be another time than from; leave both out for the whole day."),)
    return ()


def _hours(config: Config) -> str:
    days = ", ".join(config.get("days") or ()) or "on any day"
    start, end = config.get("from") or "00:00", config.get("to") or "24:00"
    return shown(f"{days} from {start} to {end} in {config['zone']}")


def _is_clock(value: str, key: str) -> bool:
    if value == "24:00":
        return key == "to"
    try:
        return f"{_clock(value):%H:%M}" == value
    except ValueError:
        return False


def _clock(value: str) -> time:
    return time.fromisoformat(value)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


_TIME = {"type": ["string", "null"], "maxLength": 5}

LEAF = Leaf(
    type="time_window",
    version=1,
    title="At these hours",
    about="it happened at these hours on these days",
    ask=ask,
    say=say,
    complain=complain,
    required=("zone",),
    properties={
        "zone": {"type": "string", "minLength": 1, "maxLength": 100, "title": "Time zone", "examples": ["UTC"]},
        "days": {
            "type": ["array", "null"],
            "items": {"type": "string", "enum": list(DAYS)},
            "maxItems": 7,
            "title": "Days, all when left out",
        },
        "from": {**_TIME, "title": "From (09:00)"},
        "to": {**_TIME, "title": "To (17:00); before From for over midnight"},
    },
)
