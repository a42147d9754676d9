"""What a whole tree needs of an event: the cheapest set of anchors of which one must be there, or nothing is known.

Sound for errors as well: where none of them is there the tree does not hold, and it is no error either. ALL needs what
any one of its children needs; ANY what all of them need together; of NONE nothing follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from triggers.conditions.tree import MAX_DEPTH, as_group, group_kind
from triggers.conditions.verdict import NodeKind
from triggers.matching.leaves import questions
from triggers.matching.questions import Anchor, Question
from triggers.matching.subtrees import IS_TIMER, subtree, watched


class Needed(NamedTuple):
    """One of `anchors` must be there. `is_exact`: one of them is also enough for it to hold, or to be an error."""

    anchors: tuple[Anchor, ...]
    is_exact: bool


Cost = Callable[[Sequence[Anchor]], float]
"""How much is looked at in vain when these are chosen; compared only."""


def needed(tree: Any, cost: Cost) -> Needed | None:
    """The best that is known of a tree as `evaluate` takes it; None where every event has to be asked."""
    return _node(as_group(tree), 1, cost)


def needed_to_ask(tree: Any, cost: Cost) -> Needed | None:
    """The same of whether an event concerns a trigger with these conditions: for a watch of it as well."""
    parts = watched(tree)
    return _together([needed(part, cost) for part in (tree, *parts)]) if parts else needed(tree, cost)


def _node(node: Any, depth: int, cost: Cost) -> Needed | None:
    kind = group_kind(node)
    if depth > MAX_DEPTH or kind is NodeKind.NONE:
        return None
    if kind is None:
        return _leaf(node, depth, cost)
    children = [_node(child, depth + 1, cost) for child in node[kind.value]]
    if not children:
        return None
    return _cheapest(children, cost) if kind is NodeKind.ALL else _together(children)


def _leaf(node: Any, depth: int, cost: Cost) -> Needed | None:
    found = subtree(node)
    if found is not None:
        tree = _node(as_group(found.tree), depth + 1, cost)
        if found.is_end:
            return _together([_known(IS_TIMER), Needed(tree.anchors, is_exact=False) if tree is not None else None])
        return _cheapest([tree, *map(_known, found.questions)], cost)
    asked = questions(node) if isinstance(node, dict) else None
    if not asked:
        return None
    return _cheapest([_known(one) for one in asked], cost)


def _known(one: Question) -> Needed | None:
    return None if one.needs is None else Needed(one.needs, one.is_exact)


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
