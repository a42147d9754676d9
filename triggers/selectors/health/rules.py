"""What a rule of health is, and what it tells."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from triggers.selectors.health.look import Look

HEALTH_STATES = ("healthy", "warning", "error")
WARNING, ERROR = HEALTH_STATES[1:]


@dataclass(frozen=True)
class Reason:
    """One thing that is not as it should be. ``state`` is ``warning`` or ``error``; ``topic`` says which page mends
    it.
    """

    state: str
    code: str
    text: str
    advice: str
    topic: str


@dataclass(frozen=True)
class Health:
    state: str
    reasons: tuple[Reason, ...]

    def as_json(self) -> dict[str, Any]:
        return {"state": self.state, "reasons": [vars(reason) for reason in self.reasons]}


@dataclass(frozen=True)
class Told:
    """What a rule found: how bad it is, and one sentence about it."""

    state: str
    text: str


@dataclass(frozen=True)
class Rule:
    """One reason of health: ``when`` it is told, with its threshold, as the reference page has it, and what to do.

    ``look`` asks a bounded number of rows.
    """

    code: str
    states: tuple[str, ...]
    when: str
    advice: str
    topic: str
    look: Callable[[Look], Iterable[Told]]

    def reasons(self, look: Look) -> list[Reason]:
        """Every reason that it finds."""
        return [Reason(told.state, self.code, told.text, self.advice, self.topic) for told in self.look(look)]
