"""What becomes of slots that are due: on time, missed, or made up for. A pure function. Time is the database's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from triggers.schedules.plan import Due, Plan
from triggers.schedules.slots import Mark

MOST_AT_ONCE = 500
"""Slots that are looked at in one step; a schedule that slept for a year is caught up with step by step."""


class Misfire(StrEnum):
    """What happens to slots that were missed: nothing was there to see them within their grace."""

    SKIP = "skip"
    RUN_ONCE = "run_once"
    CATCH_UP = "catch_up"


@dataclass(frozen=True)
class Settled:
    """The slots that fire, in order, and those that never will; ``late`` are the ones among the first that make up for
    something. ``mark`` stands behind them all; ``next_due`` is the first one beyond, None where none is left.
    ``is_more``: more of them are due already.
    """

    fires: Sequence[Due]
    missed: Sequence[Due]
    late: frozenset[str]
    mark: Mark
    next_due: Due | None
    is_more: bool


def settle(plan: Plan, mark: Mark, *, now: datetime, misfire: Misfire, grace: timedelta, catch_up: int = 0) -> Settled:
    """Decide about what is due after a mark, up to MOST_AT_ONCE slots.

    On time is what is no later than its grace: it fires, whatever the policy. Of what is late *skip* fires nothing;
    *run once* the last slot, but where one is on time that one is the run; *catch up* the last ``catch_up`` ones.
    """
    due, next_due = _due(plan, mark, now)
    is_more = len(due) > MOST_AT_ONCE
    if is_more:
        # The end of this is not in sight, so what may have to be made up for is left for the next step.
        cut = MOST_AT_ONCE - max(1, catch_up)
        due, next_due = due[:cut], due[cut]
    late = [one for one in due if now - one.fires_at > grace]
    on_time = [one for one in due if now - one.fires_at <= grace]
    wanted = {Misfire.SKIP: 0, Misfire.RUN_ONCE: 0 if on_time else 1, Misfire.CATCH_UP: catch_up}[misfire]
    first = len(late) if is_more else max(0, len(late) - wanted)
    return Settled(
        fires=[*late[first:], *on_time],
        missed=late[:first],
        late=frozenset(one.slot.key for one in late[first:]),
        mark=due[-1].slot.mark if due else mark,
        next_due=next_due,
        is_more=is_more,
    )


def _due(plan: Plan, mark: Mark, now: datetime) -> tuple[list[Due], Due | None]:
    """What is due, up to one more than MOST_AT_ONCE, and the first that is not; no slot beyond it is looked at."""
    due: list[Due] = []
    for one in plan.due(mark):
        if one.fires_at > now:
            return due, one
        due.append(one)
        if len(due) > MOST_AT_ONCE:
            break
    return due, None
