"""What a whole tree needs of an event: the cheapest set of anchors of which one must be there, or nothing is known.

Sound for errors as well: where none of them is there the tree does not hold, and it is no error either. ALL needs what
any one of its children needs; ANY what all of them need together; of NONE nothing follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from triggers.conditions.tree import MAX_DEPTH, group_kind
from triggers.conditions.verdict import NodeKind
from triggers.matching.leaves import questions
from triggers.matching.questions import Anchor


class Needed(NamedTuple):
    """One of `anchors` must be there. `is_exact`: one of them is also enough for it to hold, or to be an error."""

    anchors: tuple[Anchor, ...]
    is_exact: bool


Cost = Callable[[Sequence[Anchor]], float]
"""How much is looked at in vain when these are chosen; compared only."""


def needed(tree: Any, cost: Cost) -> Needed | None:
    """The best that is known of a tree as `evaluate` takes it; None where every event has to be asked."""
    return _node({NodeKind.ANY.value: tree} if isinstance(tree, list) else tree, 1, cost)


def _node(node: Any, depth: int, cost: Cost) -> Needed | None:
    kind = group_kind(node)
    if depth > MAX_DEPTH or kind is NodeKind.NONE:
        return None
    if kind is None:
        return _leaf(node, cost)
    children = [_node(child, depth + 1, cost) for child in node[kind.value]]
    if not children:
        return None
    return _cheapest(children, cost) if kind is NodeKind.ALL else _together(children)


def _leaf(node: Any, cost: Cost) -> Needed | None:
    asked = questions(node) if isinstance(node, dict) else None
    if not asked:
        return None
    return _cheapest([None if one.needs is None else Needed(one.needs, one.is_exact) for one in asked], cost)


def _cheapest(parts: list[Needed | None], cost: Cost) -> Needed | None:
    """What ALL needs: any one of its parts will do."""
    if len(parts) == 1:
        return parts[0]
    known = [part for part in parts if part is not None]
    if not known:
        return None
    best = min(known, key=lambda part: cost(part.anchors))
    return Needed(best.anchors, is_exact=False)


def _together(parts: list[Needed | None]) -> Needed | None:
    """What ANY needs: nothing is known unless something is known of every part."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    anchors = dict.fromkeys(anchor for part in known for anchor in part.anchors)
    return Needed(tuple(anchors), all(part.is_exact for part in known))
