"""Where DCT stands on the ladder of overload."""

from datetime import datetime

from agents.enums import Rung
from agents.ladder import LOW_BELOW, STALE_AFTER
from agents.models import Limits, StartRequest
from agents.selectors.capacity import limits_now
from agents.starts import Block

LADDER_KEY = "ladder"
"""Behind it wait low priorities while DCT is overloaded."""


def rung_at(limits: Limits, now: datetime) -> Rung:
    """The rung; calm where nobody has looked for a while."""
    looked_at = limits.rung_looked_at
    if looked_at is None or now - looked_at > STALE_AFTER:
        return Rung.CALM
    return Rung(limits.rung)


def rung_now(now: datetime) -> Rung:
    """The rung, asked of the database."""
    return rung_at(limits_now(), now)


def held_low(limits: Limits, start: StartRequest, now: datetime) -> Block | None:
    """What keeps a start of low priority back; who has begun already goes on."""
    if start.priority >= LOW_BELOW or start.is_resumed or rung_at(limits, now) < Rung.LOW_WAITS:
        return None
    return Block(LADDER_KEY, f"DCT is overloaded ({limits.rung_reason}): priorities below {LOW_BELOW} wait")
