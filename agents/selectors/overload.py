"""Where DCT stands on the ladder of overload."""

from dataclasses import dataclass
from datetime import datetime

from agents.enums import Rung
from agents.ladder import CALM_FOR, HOLDS_BACK, LOW_BELOW, STALE_AFTER, eased
from agents.models import Limits, StartRequest
from agents.selectors.capacity import limits_now
from agents.starts import Block

LADDER_KEY = "ladder"
"""Behind it wait low priorities while DCT is overloaded."""


@dataclass(frozen=True)
class Overload:
    """Where DCT stands: since when, by which signal, what is held back.

    It goes a rung down when ``goes_down_when`` has all been the case for ``calm_for_s``; at ``goes_down_at``, where it
    is the case now and stays so.
    """

    rung: Rung
    since: datetime | None = None
    reason: str = ""
    holds_back: tuple[str, ...] = ()
    goes_down_when: tuple[str, ...] = ()
    goes_down_at: datetime | None = None
    calm_for_s: int = int(CALM_FOR.total_seconds())

    @property
    def name(self) -> str:
        return str(self.rung.label)


def overload_of(limits: Limits, now: datetime) -> Overload:
    """What there is to tell of the ladder; calm where nobody has looked for a while."""
    rung = rung_at(limits, now)
    if rung == Rung.CALM:
        return Overload(rung)
    return Overload(
        rung=rung,
        since=limits.rung_at,
        reason=limits.rung_reason,
        holds_back=tuple(words for one, words in HOLDS_BACK.items() if one <= rung),
        goes_down_when=eased(rung),
        goes_down_at=limits.rung_calm_since + CALM_FOR if limits.rung_calm_since is not None else None,
    )


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
