"""How each guard of limits, endings and the clock is taken out, for the length of a block."""

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from agents import capacity
from agents.models import Agent, AgentRun
from agents.selectors import gate, lines
from agents.services import endings, reaping
from agents.services.runs import requeue
from dct_site.engine import tick
from tests.promises.taken_out import Out, together
from triggers.schedules.misfires import Misfire, settle
from triggers.services import clock, due, schedules


def taking_over() -> Out:
    return patch.object(reaping, "ALIVE", ())


def renewing_leases() -> Out:
    return patch.object(AgentRun.objects, "bulk_update", lambda rows, fields: 0)


def looking_at_deadlines() -> Out:
    return patch.object(tick, "settle_deadlines", lambda *, now: 0)


def counting_attempts() -> Out:
    def again(agent: Agent, *, now: datetime, reason: str, is_final: bool = False, was_lost: bool = False) -> Any:
        requeue(agent, now=now, reason=reason, not_before=now + endings.backoff(1))
        return agent.status

    return patch.object(endings, "try_again", again)


def pausing_between_attempts() -> Out:
    return patch.object(endings, "backoff", lambda attempt: timedelta())


def asking_who_is_held() -> Out:
    return patch.object(gate, "holds_on", lambda wanted: {})


def counting_slots() -> Out:
    return patch.object(capacity.PoolRoom, "free", property(lambda room: 100))


def the_bound_of_ageing() -> Out:
    return patch.object(lines, "most_aged", lambda priority, **named: 2)


def ageing() -> Out:
    return patch.object(lines, "most_aged", lambda priority, **named: 0)


def the_reserved_share() -> Out:
    return patch.object(capacity.PoolRoom, "free_low", property(lambda room: room.free))


def the_mark_of_a_schedule() -> Out:
    """With what stands behind it: the rows that are known, and the delivery's own key."""
    real = clock._incoming

    def without_a_key(*given: Any) -> Any:
        incoming = real(*given)
        incoming.delivery_key = None
        return incoming

    return together(
        patch.object(clock, "_held", lambda steps: {step.seen.schedule_id: clock._place_of(step) for step in steps}),
        patch.object(clock, "_unsettled", lambda fires: fires),
        patch.object(clock, "_incoming", without_a_key),
    )


def the_misfire_policy() -> Out:
    def all_of_them(*given: Any, **named: Any) -> Any:
        return settle(*given, **{**named, "misfire": Misfire.CATCH_UP, "catch_up": 100})

    return patch.object(due, "settle", all_of_them)


def judging_schedules() -> Out:
    return patch.object(schedules, "settings_problems", lambda raw, **named: [])
