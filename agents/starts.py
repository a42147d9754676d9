"""What upper rooms plug into this one: who is told when a start is admitted, and what holds starts back."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from agents.models import StartRequest
from dct_site.kernel.registry import Registry

# The kind of a start that puts one agent of an existing workspace to work (again).
AGENT_START = "agent"


class StartHandler(Protocol):
    """What happens to the subject of one kind of start. Every call runs inside the admission's transaction."""

    def is_held(self, start: StartRequest) -> str:
        """Why this may not start now, in words for people ("the trigger is paused"); empty when it may."""
        ...

    def on_admitted(self, start: StartRequest, now: datetime) -> None:
        """Its slots are taken: move the subject. A LostRace or IllegalMove cancels the start."""
        ...

    def on_expired(self, start: StartRequest, now: datetime) -> None:
        """It waited longer than it may: end the subject with that reason."""
        ...


Hold = Callable[[StartRequest], str]

starts: Registry[StartHandler] = Registry("kinds of start")

# Asked for every start of any kind, an agent's second run included: a paused trigger's agents do not start again
# either. Each returns the reason in words, or nothing.
holds: Registry[Hold] = Registry("holds on starts")


def held_by(start: StartRequest) -> str:
    """Why ``start`` is held back, by its own handler or by any hold; empty when nothing does."""
    reason = starts.get(start.kind).is_held(start) if start.kind in starts else ""
    for name in holds:
        reason = reason or holds.get(name)(start)
    return reason
