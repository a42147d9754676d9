"""What a condition may ask about the events before this one. Who evaluates brings the answers; nothing is read here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

from triggers.conditions.facts import EventFacts


class UnreadHistory(Exception):
    """The events could not be read. Unlike a leaf's own failure this says nothing about the event; see `__cause__`."""


class Per(StrEnum):
    """Which events are counted together."""

    ITEM = "item"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Earlier:
    """Events before this one that are like what was asked for. `lacks` says why there may be more."""

    events: tuple[EventFacts, ...]
    lacks: str = ""


class History(Protocol):
    def earlier(self, *, within: timedelta, per: Per, like: Any = None) -> Earlier | None:
        """The events of that time before this one; None where it belongs to no item. Raises UnreadHistory.

        With `like`, a tree of conditions that look at one event only, those for which it holds; without it, those to
        which the trigger's own conditions did not say no.
        """

    def silence(self, *, watch: str, broken_by: Any) -> Earlier | None:
        """Where this event says that the time of a watch of this name is up: what broke the silence in that time, by a
        tree as `like` is. None where it says no such thing to this trigger. Raises UnreadHistory.
        """
