"""The absences in a tree of conditions, wherever they stand in it."""

from __future__ import annotations

from typing import Any

from triggers.conditions.leaves import absence
from triggers.conditions.leaves.absence import Wanted
from triggers.conditions.tree import MAX_DEPTH, as_group, group_kind


def absences(tree: Any) -> tuple[Wanted, ...]:
    """What each sound absence of a tree waits for, each once."""
    return tuple({one.name: one for one in _absences(as_group(tree), 1)}.values())


def _absences(node: Any, depth: int) -> list[Wanted]:
    kind = group_kind(node)
    if depth > MAX_DEPTH:
        return []
    if kind is not None:
        return [one for child in node[kind.value] for one in _absences(child, depth + 1)]
    if not isinstance(node, dict) or node.get("type") != absence.LEAF.type or node.get("version", 1) != 1:
        return []
    try:
        return [absence.wanted(node["config"])]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        return []
