"""Runs that wait for their time and take further events in meanwhile: debounce, batches, a cooldown that coalesces.

Pure rules: how long one gathers, when it is full, and what is said of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from triggers.documents import LimitsPart
from triggers.enums import CooldownPolicy, FiringRole

MOST_IN_A_BATCH = 1_000
DEBOUNCES = 10
"""So many times its quiet a run waits at most, where its trigger says nothing else."""


@dataclass
class Gathering:
    """A run that waits: until when, since when, and how many events it is about by now."""

    until: datetime
    since: datetime
    count: int = 1


def begun(limits: LimitsPart, now: datetime, delayed_until: datetime | None) -> Gathering | None:
    """How a run that begins to wait at ``now`` stands; None for one that waits for nothing, or takes nothing in.

    ``delayed_until`` is when the cooldown lets it begin, where that holds it back.
    """
    wait = limits.debounce_s or limits.batch_s
    if wait:
        until = now + timedelta(seconds=wait)
        return Gathering(max(until, delayed_until or until), now)
    if delayed_until is not None and limits.cooldown_policy == CooldownPolicy.COALESCE:
        return Gathering(delayed_until, now)
    return None


def is_open(gathering: Gathering, limits: LimitsPart, now: datetime) -> bool:
    """Whether it still takes events in: until its time has come, or it is full."""
    return now < gathering.until and gathering.count < (most(limits) if limits.batch_s else MOST_IN_A_BATCH)


def add(gathering: Gathering, limits: LimitsPart, now: datetime) -> None:
    """One more event: quiet begins anew, within bounds; a batch that is full begins at once."""
    gathering.count += 1
    if limits.debounce_s:
        latest = gathering.since + timedelta(seconds=longest(limits))
        gathering.until = max(gathering.until, min(now + timedelta(seconds=limits.debounce_s), latest))
    elif limits.batch_s and gathering.count >= most(limits):
        gathering.until = now


def most(limits: LimitsPart) -> int:
    """How many events a batch has at most."""
    return limits.batch_size or MOST_IN_A_BATCH


def longest(limits: LimitsPart) -> int:
    """How many seconds a run waits at most for quiet."""
    return limits.debounce_max_s or DEBOUNCES * (limits.debounce_s or 0)


def role(limits: LimitsPart) -> FiringRole:
    """What an event that is taken in is to the run."""
    return FiringRole.BATCHED if limits.batch_s else FiringRole.MERGED


def waits_for(limits: LimitsPart, count: int) -> str:
    """Why a run waits that gathers, as a clause."""
    events = f"{count} event{'' if count == 1 else 's'} so far"
    if limits.debounce_s:
        return f"waits for {limits.debounce_s} s without another event, {longest(limits)} s at most ({events})"
    if limits.batch_s:
        return f"batch of {count} of {most(limits)}"
    return f"waits for the end of the cooldown ({events})"


def told_first(limits: LimitsPart) -> str:
    """What a decision says whose event began to gather."""
    if limits.debounce_s:
        return f"its run waits until {limits.debounce_s} s pass without another event, {longest(limits)} s at most"
    if limits.batch_s:
        return f"it is the first of a batch of {most(limits)}, which begins within {limits.batch_s} s"
    return "it came within the cooldown: its run waits for the end of it"


def told_more(limits: LimitsPart, count: int) -> str:
    """What a decision says whose event was taken in, as the number ``count`` of the run."""
    if limits.debounce_s:
        return f"it joined the run that waits until {limits.debounce_s} s pass without another event"
    if limits.batch_s:
        return f"it is number {count} of a batch of {most(limits)}"
    return "it came within the cooldown, and joined the run that waits for the end of it"
