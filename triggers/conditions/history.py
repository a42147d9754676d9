"""What a condition may ask about the events before this one. Who evaluates brings the answers; nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from triggers.conditions.facts import EventFacts


class UnreadHistory(Exception):
    """The events could not be read. Unlike a leaf's own failure this says nothing about the event; see `__cause__`."""


class Per(StrEnum):
    """Which events are counted together."""

    ITEM = "item"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Earlier:
    """Events before this one to which the rest of the conditions did not say no. `lacks` says why there may be more."""

    events: tuple[EventFacts, ...]
    lacks: str = ""


class History(Protocol):
    def earlier(self, *, within: timedelta, per: Per) -> Earlier | None:
        """The events of that time before this one; None where it belongs to no item. Raises UnreadHistory."""
