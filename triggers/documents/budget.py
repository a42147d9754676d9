"""What a trigger may use up: money as a document writes it, and as budgets count it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from agents.budget import MILLIONTHS
from triggers.conditions.schema import Problem

MONEY: Mapping[str, Any] = {"type": ["number", "null"], "minimum": 0.01, "maximum": 10_000_000}
MONEY_FIELDS = ("budget_money", "max_money_per_run")


def budget_problems(limits: Mapping[str, Any]) -> Iterator[Problem]:
    """Amounts of money finer than anything is counted in."""
    for name in MONEY_FIELDS:
        value = limits.get(name)
        if value is not None and _exact(value) % 1:
            words = f"limits.{name} has more than six decimals; write fewer."
            yield Problem(f"limits.{name}", "too_precise", words)


def millionths(value: float) -> int:
    """An amount of a document, as budgets count it."""
    return int(_exact(value))


def _exact(value: float) -> Decimal:
    return Decimal(str(value)) * MILLIONTHS
