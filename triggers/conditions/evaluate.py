"""The one evaluator: a tree, an event and an item give a verdict. Dry runs, back-tests and explain call it as well."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from triggers.conditions.checks import Check
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.history import History, UnreadHistory
from triggers.conditions.leaves import LEAVES
from triggers.conditions.registry import Asked
from triggers.conditions.tree import MAX_DEPTH, as_group, group_kind, pointer
from triggers.conditions.verdict import Node, NodeKind, Verdict, shown


def evaluate(tree: Any, event: EventFacts, item: ItemFacts | None, history: History | None = None) -> Verdict:
    """The verdict for one event, with a reason for every leaf: nothing is skipped because the answer stood already.

    A leaf that cannot tell makes its group unable to tell, unless another leaf settles the group whatever it says.
    Without a ``history`` leaves that count other events cannot tell.
    Raises UnreadHistory only: a tree that `validate` would refuse, or a leaf that fails, gives a verdict with `error`.
    """
    seen = Asked({}, event, item, history)
    return Verdict.of(_node(as_group(tree), "", 1, seen))


def consults_events(tree: Any) -> bool:
    """Whether a leaf in it looks at other events."""
    kind = group_kind(tree)
    if isinstance(tree, list) or kind is not None:
        return any(consults_events(child) for child in (tree[kind.value] if kind is not None else tree))
    leaf = LEAVES.find(tree.get("type"), tree.get("version", 1)) if isinstance(tree, dict) else None
    return leaf is not None and leaf.consults_events


def _node(node: Any, path: str, depth: int, seen: Asked) -> Node:
    kind = group_kind(node)
    if depth > MAX_DEPTH:
        return _cannot_tell(path, "conditions", f"nested deeper than {MAX_DEPTH} groups")
    if kind is None:
        return _leaf(node, path, depth, seen)
    children = tuple(
        _node(child, pointer(path, kind.value, at), depth + 1, seen) for at, child in enumerate(node[kind.value])
    )
    if not children:
        return _cannot_tell(path, kind.value, "the group is empty")
    return _group(kind, path, children)


def _group(kind: NodeKind, path: str, children: tuple[Node, ...], label: str = "") -> Node:
    answers = [child.holds for child in children]
    holding, unknown = answers.count(True), answers.count(None)
    count = f"{holding} of {len(answers)} hold{'s' if holding == 1 else ''}"
    words = f"{count}, {unknown} cannot tell" if unknown else count
    return Node(kind, label or kind.value, path, combined(kind, answers), _ASKED[kind], words, children)


def combined(kind: NodeKind, answers: list[bool | None]) -> bool | None:
    """Kleene's three-valued logic: one false settles ALL, one true settles ANY and NONE; else None wins."""
    settling = kind is not NodeKind.ALL
    if settling in answers:
        return kind is NodeKind.ANY
    return None if None in answers else kind is not NodeKind.ANY


def answer_of_leaf(node: Any, event: EventFacts, item: ItemFacts | None) -> bool | None:
    """A single leaf's answer without its reasons: it holds, or not, or nobody can tell."""
    return _leaf(node, "", 1, Asked({}, event, item)).holds


_ASKED = {NodeKind.ALL: "all of these", NodeKind.ANY: "any of these", NodeKind.NONE: "none of these"}


def _leaf(node: Any, path: str, depth: int, seen: Asked) -> Node:
    name = shown(node.get("type", "")) if isinstance(node, dict) else ""
    leaf = LEAVES.find(node.get("type"), node.get("version", 1)) if isinstance(node, dict) else None
    if leaf is None:
        return _cannot_tell(
            path, name or "condition", f"this version of DCT knows no such condition: {name or 'no type'}"
        )
    try:
        config = node.get("config", {})
        checks = leaf.checks(replace(seen, config=config, below=partial(_below, config, path, depth, seen)))
    except UnreadHistory:
        raise
    except Exception as failure:  # noqa: BLE001  One failing leaf must not take the other triggers' answers with it.
        return _cannot_tell(path, name, f"the condition failed: {type(failure).__name__}")
    return _from_checks(name, path, checks)


def _below(config: Any, path: str, depth: int, seen: Asked, key: str) -> Node:
    """What a tree inside a leaf's configuration says. It is about the event alone, so there is no history in it."""
    place = pointer(path, "config", key)
    return _node(as_group(config[key]), place, depth + 1, replace(seen, config={}, history=None))


def _from_checks(name: str, path: str, checks: tuple[Check, ...]) -> Node:
    lines = tuple(
        Node(
            kind=NodeKind.LEAF if check.below is None else NodeKind.ALL,
            label=check.label,
            path=pointer(path, "config", check.key) if check.key else path,
            holds=check.holds,
            expected=check.expected,
            actual=check.actual,
            note=check.note,
            children=(check.below,) if check.below is not None else (),
        )
        for check in checks
    )
    if not lines:
        return _cannot_tell(path, name, "the condition asks for nothing")
    return lines[0] if len(lines) == 1 else _group(NodeKind.ALL, path, lines, name.replace("_", " "))


def _cannot_tell(path: str, label: str, note: str) -> Node:
    return Node(NodeKind.LEAF, label, path, None, note=note)
