"""Why a trigger that matched may still not fire: pure rules, asked in a fixed order; the first that holds answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from triggers.documents import LimitsPart
from triggers.enums import (
    CooldownPolicy,
    LatePolicy,
    Origin,
    OverlapPolicy,
    QueuePolicy,
    Suppression,
    TriggerStatus,
)

MAX_HOPS = 5


@dataclass(frozen=True)
class Circumstances:
    """Everything the rules look at. Times are UTC; ``rights_problem`` is empty where the owner's rights suffice.

    ``free_at`` is when its cooldown ends, the trigger's or that of the event's item (None: it never fired, or has
    none), ``rate_free_at`` when it has fired less than its rate again (None: it has), ``storm_firings`` how often it
    fired in the last minute. Of the trigger's executions that are not over, ``queued`` wait and ``same_item`` are about
    the event's item; ``is_mergeable``: one of these still waits, and may take in the event. ``is_gathering``: one waits
    for its time, and takes in what comes until then. ``is_apart``: its run would wait for a review that somebody asked
    for.
    """

    status: str
    limits: LimitsPart
    origin: str
    hop: int
    is_late: bool
    actor: str
    event_time: datetime
    accepted_at: datetime
    now: datetime
    own_actors: tuple[str, ...] = ()
    is_source_paused: bool = False
    rights_problem: str = ""
    last_fired_at: datetime | None = None
    free_at: datetime | None = None
    is_cooldown_bypassed: bool = False
    rate_free_at: datetime | None = None
    storm_firings: int = 0
    queued: int = 0
    same_item: int = 0
    is_mergeable: bool = False
    is_gathering: bool = False
    is_apart: bool = False


@dataclass(frozen=True)
class Suppressed:
    """The answer of a rule: why, until when, and the facts it rests on."""

    by: Suppression
    detail: str
    until: datetime | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def suppression(given: Circumstances) -> Suppressed | None:
    """The first rule that keeps the trigger from firing; None where it may fire."""
    return next((answer for rule in _RULES if (answer := rule(given)) is not None), None)


def delayed_until(given: Circumstances) -> datetime | None:
    """When the cooldown lets the work start, for a match inside one that delays; None for at once."""
    return given.free_at if _is_inside_cooldown(given) and given.limits.delays else None


def gathers(given: Circumstances) -> bool:
    """Whether a match joins the run that waits for its time, instead of asking for one of its own."""
    return given.is_gathering and (given.limits.gathers_always or _is_inside_cooldown(given))


def replaces(given: Circumstances) -> bool:
    """Whether a match cancels what is under way for its item."""
    return given.limits.overlap == OverlapPolicy.CANCEL_RUNNING and not given.is_apart


def merges(given: Circumstances) -> bool:
    """Whether a match joins the run of its item that still waits, instead of asking for one of its own."""
    is_asked = given.limits.overlap == OverlapPolicy.COALESCE
    is_asked = is_asked or (_is_queue_full(given) and given.limits.queue_policy == QueuePolicy.COALESCE)
    return is_asked and given.is_mergeable


def displaced(given: Circumstances) -> int:
    """How many of the trigger's queued executions, oldest first, make room for a match with a run of its own."""
    if not _is_queue_full(given) or given.limits.queue_policy != QueuePolicy.DROP_OLDEST:
        return 0
    return given.queued - (given.limits.max_queued or 0) + 1


def _hop_limit(given: Circumstances) -> Suppressed | None:
    if given.hop <= MAX_HOPS:
        return None
    detail = f"it is {given.hop} steps away from an outside change; at most {MAX_HOPS} are allowed"
    return Suppressed(Suppression.HOP_LIMIT, detail, facts={"hop": given.hop, "max_hops": MAX_HOPS})


def _own_write(given: Circumstances) -> Suppressed | None:
    if not given.actor or given.actor.casefold() not in {own.casefold() for own in given.own_actors}:
        return None
    return Suppressed(Suppression.OWN_WRITE, f"{given.actor} is DCT itself", facts={"actor": given.actor})


def _paused(given: Circumstances) -> Suppressed | None:
    return Suppressed(Suppression.PAUSED, "the trigger is paused") if given.status == TriggerStatus.PAUSED else None


def _source_paused(given: Circumstances) -> Suppressed | None:
    return Suppressed(Suppression.SOURCE_PAUSED, "the connection is paused") if given.is_source_paused else None


def _owner_rights(given: Circumstances) -> Suppressed | None:
    return Suppressed(Suppression.OWNER_RIGHTS, given.rights_problem) if given.rights_problem else None


def _late(given: Circumstances) -> Suppressed | None:
    if not given.is_late or given.limits.late != LatePolicy.SKIP:
        return None
    return Suppressed(Suppression.LATE, "the item was known in a newer state already")


def _stale(given: Circumstances) -> Suppressed | None:
    limit = given.limits.stale_after_s
    if limit is None or given.origin != Origin.LIVE:
        return None
    age = given.now - min(given.event_time, given.accepted_at)
    if age <= timedelta(seconds=limit):
        return None
    seconds = int(age.total_seconds())
    facts = {"age_s": seconds, "stale_after_s": limit}
    return Suppressed(Suppression.STALE, f"it was {seconds} s old; {limit} s are allowed", facts=facts)


def _cooldown(given: Circumstances) -> Suppressed | None:
    if not _is_inside_cooldown(given) or given.limits.cooldown_policy != CooldownPolicy.SKIP:
        return None
    if gathers(given):  # the cooldown is between runs, and this asks for none
        return None
    fired = given.last_fired_at.isoformat() if given.last_fired_at else None
    facts: dict[str, Any] = {"last_fired_at": fired, "cooldown_s": given.limits.cooldown_s}
    detail = "it fired a short while ago"
    if given.limits.cools_by_item:
        facts["cooldown_by"], detail = given.limits.cooldown_by.value, "it fired for the same item a short while ago"
    return Suppressed(Suppression.COOLDOWN, detail, until=given.free_at, facts=facts)


def _is_inside_cooldown(given: Circumstances) -> bool:
    return given.free_at is not None and given.accepted_at < given.free_at and not given.is_cooldown_bypassed


def _storm(given: Circumstances) -> Suppressed | None:
    limit = given.limits.storm_limit
    # A person who fires by hand is no storm.
    if limit is None or given.storm_firings < limit or given.origin == Origin.MANUAL:
        return None
    detail = f"it fired {_times(given.storm_firings)} within a minute; its storm brake allows {limit}"
    return Suppressed(Suppression.STORM, detail, facts={"fired": given.storm_firings, "storm_limit": limit})


def _rate(given: Circumstances) -> Suppressed | None:
    limits = given.limits
    if given.rate_free_at is None or given.accepted_at >= given.rate_free_at or given.is_cooldown_bypassed:
        return None
    facts = {"rate_limit": limits.rate_limit, "rate_window_s": limits.rate_window_s}
    detail = f"it fired {_times(limits.rate_limit)} within {limits.rate_window_s} s, as often as it may"
    return Suppressed(Suppression.RATE, detail, until=given.rate_free_at, facts=facts)


def _overlap(given: Circumstances) -> Suppressed | None:
    if given.limits.overlap != OverlapPolicy.SKIP or not given.same_item:
        return None
    facts = {"under_way": given.same_item}
    return Suppressed(Suppression.OVERLAP, "a run of it for the same item waits or works", facts=facts)


def _queue_full(given: Circumstances) -> Suppressed | None:
    is_taken_in = gathers(given) or merges(given)
    if not _is_queue_full(given) or is_taken_in or given.limits.queue_policy == QueuePolicy.DROP_OLDEST:
        return None
    facts = {"queued": given.queued, "max_queued": given.limits.max_queued}
    detail = f"{given.queued} of its runs wait in the queue; at most {given.limits.max_queued} may"
    if given.limits.queue_policy == QueuePolicy.COALESCE:
        detail += ", and none that waits can take this event in"
    return Suppressed(Suppression.OVERLAP, detail, facts=facts)


def _is_queue_full(given: Circumstances) -> bool:
    return given.limits.max_queued is not None and given.queued >= given.limits.max_queued


_RULES: tuple[Callable[[Circumstances], Suppressed | None], ...] = (
    _hop_limit,
    _own_write,
    _paused,
    _source_paused,
    _owner_rights,
    _late,
    _stale,
    _storm,
    _cooldown,
    _rate,
    _overlap,
    _queue_full,
)


def _times(count: int | None) -> str:
    return f"{count} time{'' if count == 1 else 's'}"
