"""What may be set on a schedule, and all that is wrong with what somebody wrote. Pure; the same at every door."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from triggers.conditions.schema import Problem
from triggers.schedules import zones
from triggers.schedules.cron import BadCron, Cron, parse
from triggers.schedules.days import BadDays, Days, read_days
from triggers.schedules.misfires import Misfire
from triggers.schedules.plan import Plan
from triggers.schedules.slots import Mark

LEAST_EVERY_S, MOST_EVERY_S = 10, 366 * 86_400
MOST_JITTER_S = 3_600
MOST_CATCH_UP = 100
LEAST_GRACE_S, DEFAULT_GRACE_S, MOST_GRACE_S = 5, 60, 86_400
_DAY_S = 86_400


@dataclass(frozen=True)
class Settings:
    """A schedule as people set it. Either ``cron`` or ``every_s``; ``skip_days`` as `read_days` reads them."""

    cron: str = ""
    every_s: int | None = None
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter_s: int = 0
    skip_days: str = ""
    misfire: str = Misfire.RUN_ONCE
    catch_up: int = 1
    grace_s: int = DEFAULT_GRACE_S

    def plan(self, *, anchor: datetime, rests: Days, seed: int) -> Plan:
        """Ready to be asked; ``rests`` come beside its own days. Raises what `settings_problems` would tell."""
        return Plan(
            zone=self.timezone,
            anchor=self.starts_at or anchor,
            cron=parse(self.cron) if self.cron else None,
            every_s=self.every_s or 0,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            jitter_s=self.jitter_s,
            rests=read_days(self.skip_days.splitlines()) | rests,
            seed=seed,
        )


FIELDS = tuple(Settings.__dataclass_fields__)


def settings_problems(raw: Mapping[str, Any], *, now: datetime, rests: Days | None = None) -> list[Problem]:
    """All that keeps these from being saved, each under the name of its field; ``rests`` are the calendars' days."""
    found = [*_unknown(raw), *_types(raw)]
    if found:
        return found
    settings = Settings(**raw)
    found = [*_rhythm(settings), *_zone(settings), *_days(settings), *_span(settings, now), *_ranges(settings)]
    return found or list(_together(settings, now, rests or Days()))


def least_spacing(settings: Settings) -> int:
    """The shortest time from one slot to the next, in seconds of a day like any other."""
    if not settings.cron:
        return settings.every_s or 0
    cron: Cron = parse(settings.cron)
    times = [hour * 3_600 + minute * 60 for hour in cron.hours for minute in cron.minutes]
    return min(later - earlier for earlier, later in zip(times, [*times[1:], times[0] + _DAY_S], strict=True))


def _unknown(raw: Mapping[str, Any]) -> Iterator[Problem]:
    for name in sorted(str(name) for name in raw.keys() - set(FIELDS)):
        yield Problem(name[:60], "unknown_key", f"{name[:60]} does not exist; there are {', '.join(FIELDS)}.")


_KINDS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    **dict.fromkeys(("cron", "timezone", "skip_days", "misfire"), (str, "text")),
    **dict.fromkeys(("jitter_s", "catch_up", "grace_s"), (int, "a whole number")),
    "every_s": ((int, type(None)), "a whole number"),
    **dict.fromkeys(("starts_at", "ends_at"), ((datetime, type(None)), "a time")),
}


def _types(raw: Mapping[str, Any]) -> Iterator[Problem]:
    for name, (kind, words) in _KINDS.items():
        value = raw.get(name, getattr(Settings, name, None))
        if not isinstance(value, kind) or isinstance(value, bool):
            yield Problem(name, "wrong_type", f"{name} must be {words}.")
        elif isinstance(value, datetime) and value.tzinfo is None:
            yield Problem(name, "wrong_type", f"{name} must be a time with its distance from UTC.")


def _rhythm(settings: Settings) -> Iterator[Problem]:
    if bool(settings.cron) == (settings.every_s is not None):
        words = "Give either cron, such as 0 9 * * 1-5, or every_s, a number of seconds."
        yield Problem("cron", "one_of_two", words)
    elif settings.cron:
        try:
            parse(settings.cron)
        except BadCron as wrong:
            yield Problem("cron", "bad_cron", f"cron: {wrong}")
    elif not LEAST_EVERY_S <= (settings.every_s or 0) <= MOST_EVERY_S:
        words = f"every_s must be from {LEAST_EVERY_S} (no more often) to {MOST_EVERY_S} (a year)."
        yield Problem("every_s", "out_of_range", words)


def _zone(settings: Settings) -> Iterator[Problem]:
    try:
        zones.zone(settings.timezone)
    except zones.BadZone as wrong:
        yield Problem("timezone", "bad_zone", f"timezone: {wrong}")


def _days(settings: Settings) -> Iterator[Problem]:
    try:
        read_days(settings.skip_days.splitlines())
    except BadDays as wrong:
        yield Problem("skip_days", "bad_days", f"skip_days: {wrong}")


_YEARS = (1970, 2150)


def _span(settings: Settings, now: datetime) -> Iterator[Problem]:
    for name in ("starts_at", "ends_at"):
        value: datetime | None = getattr(settings, name)
        if value is not None and not _YEARS[0] <= value.astimezone(UTC).year <= _YEARS[1]:
            yield Problem(name, "out_of_range", f"{name} must lie between the years {_YEARS[0]} and {_YEARS[1]}.")
            return
    if settings.ends_at is not None and settings.starts_at is not None and settings.ends_at <= settings.starts_at:
        yield Problem("ends_at", "before_start", "ends_at must be later than starts_at.")
    elif settings.ends_at is not None and settings.ends_at <= now:
        yield Problem("ends_at", "over", "ends_at is over: it would never fire.")


def _ranges(settings: Settings) -> Iterator[Problem]:
    for name, least, most in (
        ("jitter_s", 0, MOST_JITTER_S),
        ("catch_up", 1, MOST_CATCH_UP),
        ("grace_s", LEAST_GRACE_S, MOST_GRACE_S),
    ):
        if not least <= getattr(settings, name) <= most:
            yield Problem(name, "out_of_range", f"{name} must be from {least} to {most}.")
    if settings.misfire not in set(Misfire):
        yield Problem("misfire", "not_one_of", f"misfire must be one of {', '.join(Misfire)}.")


def _together(settings: Settings, now: datetime, rests: Days) -> Iterator[Problem]:
    spacing = least_spacing(settings)
    if settings.jitter_s >= spacing:
        words = f"jitter_s must be less than the {spacing} s from one slot to the next."
        yield Problem("jitter_s", "out_of_range", words)
    if settings.grace_s > max(DEFAULT_GRACE_S, spacing):
        words = f"grace_s must not be more than the {spacing} s from one slot to the next: they would all be on time."
        yield Problem("grace_s", "out_of_range", words)
    plan = settings.plan(anchor=now, rests=rests, seed=0)
    if next(plan.due(Mark.after(now)), None) is not None:
        return
    if settings.ends_at is not None and _first(settings, now) is None:
        yield Problem("ends_at", "never", "It would never fire: its first slot comes after ends_at.")
    else:
        yield Problem("skip_days", "never", "It would never fire: it rests on each of its days.")


def _first(settings: Settings, now: datetime) -> object:
    """Its next slot, whatever the days."""
    bare = Settings(**{**settings.__dict__, "skip_days": ""})
    return next(bare.plan(anchor=now, rests=Days(), seed=0).due(Mark.after(now)), None)
