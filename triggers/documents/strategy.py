"""What is wrong with a document that gives its events to agents at work: choices that keep each other from acting."""

from collections.abc import Iterator, Mapping
from typing import Any

from agents.enums import Strategy
from triggers.conditions.schema import Problem
from triggers.enums import OverlapPolicy

# With these, no event of an item ever finds the trigger's own agent at work.
_NEVER_BESIDE = (OverlapPolicy.QUEUE, OverlapPolicy.SKIP, OverlapPolicy.CANCEL_RUNNING)


def strategy_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Of a document that has the shape."""
    strategy = document["agent"].get("strategy") or Strategy.FRESH
    overlap = (document.get("limits") or {}).get("overlap")
    if strategy != Strategy.FRESH and overlap in _NEVER_BESIDE:
        told = f"With limits.overlap {overlap} no event finds its agent at work: agent.strategy {strategy} never acts."
        yield Problem("limits.overlap", "not_with", f"{told} Choose allow or coalesce, or the strategy fresh.")
