"""What an event does to the armed absences of its item: the rule, for whoever keeps these, in rows or in memory.

An event arms where no time that it would fall into runs already for its item; where the absence counts from the last
such event, it ends that one and arms anew. One that breaks the silence while the time runs disarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from triggers.conditions.absences import absences
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.leaves.absence import Wanted
from triggers.matching.program import compiled
from triggers.matching.questions import Answer as Program

BROKEN, ANEW = "What it waited for came.", "It counts from a later event."


class Timed(Protocol):
    """An armed watch, wherever it is kept."""

    @property
    def due_at(self) -> datetime:
        """When its time is up."""


One = TypeVar("One", bound=Timed)


@dataclass(frozen=True)
class Effect(Generic[One]):
    """``ended``: the watches that an event ends, all for the same ``reason``; ``arms``: it begins another."""

    ended: Sequence[One]
    reason: str
    arms: bool


@dataclass(frozen=True)
class Absence:
    """One absence of a trigger, ready to be asked."""

    want: Wanted
    after: Program
    without: Program

    def bears(self, event: EventFacts, item: ItemFacts | None) -> tuple[bool, bool]:
        """Whether an event breaks the silence, and whether it is one with which it begins."""
        return self.without(event, item) is True, self.after(event, item) is True

    def effect(self, armed: Sequence[One], *, at: datetime, breaks: bool, arms: bool) -> Effect[One]:
        """What an event accepted at ``at`` does to what is armed of this absence for its item."""
        # One whose time was up before this event, and which the clock has not found yet, is no longer touched.
        running = [one for one in armed if one.due_at > at]
        ends = breaks or (arms and self.want.restarts)
        return Effect(running if ends else [], BROKEN if breaks else ANEW, arms and (ends or not running))


def absences_of(conditions: Any) -> list[Absence]:
    """The absences in a tree of conditions."""
    return [Absence(want, compiled(want.after), compiled(want.without)) for want in absences(conditions)]


def too_many(most: int) -> str:
    """Why nothing was armed where as many are as may be."""
    return f"No watch was armed: {most:,} of this trigger are armed already, as many as may be."
