"""What upper rooms plug into this one: who is told when a start is admitted, and what holds starts back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agents.models import StartRequest
from dct_site.kernel.registry import Registry

# The kind of a start that puts one agent of an existing workspace to work (again).
AGENT_START = "agent"


@dataclass(frozen=True, slots=True)
class Block:
    """What keeps one start back: the key behind which it waits until that ends, and the reason in words."""

    key: str
    reason: str


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


Hold = Callable[[Sequence[StartRequest]], Mapping[int, Block]]

starts: Registry[StartHandler] = Registry("kinds of start")

# Asked for every start of any kind, an agent's second run included: a paused trigger's agents do not start again
# either. Each is asked for many at once, and returns what blocks which of them, by primary key.
holds: Registry[Hold] = Registry("holds on starts")

Payer = Callable[[int], str]

# Asked for a restored agent by its workspace's id: the key under whose budget its work goes, "" where it is nobody's.
payers: Registry[Payer] = Registry("payers of restored agents")


def payer_of(workspace_id: int) -> str:
    """The key under whose budget what is begun in this workspace goes; the first that anybody names."""
    return next((key for name in payers if (key := payers.get(name)(workspace_id))), "")


def holds_on(wanted: Sequence[StartRequest]) -> dict[int, Block]:
    """What holds which of these starts back, by primary key: their own handlers, or any hold."""
    found: dict[int, Block] = {}
    for start in wanted:
        reason = starts.get(start.kind).is_held(start) if start.kind in starts else ""
        if reason:
            found[start.pk] = Block(f"kind:{start.kind}", reason)
    for name in holds:
        for pk, block in holds.get(name)(wanted).items():
            found.setdefault(pk, block)
    return found


def held_by(start: StartRequest) -> str:
    """Why ``start`` is held back, in words; empty when nothing does."""
    block = holds_on([start]).get(start.pk)
    return block.reason if block is not None else ""
