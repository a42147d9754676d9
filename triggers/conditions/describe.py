"""Conditions and verdicts in words: what a trigger waits for, and what an event's answer came down to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triggers.conditions.leaves import LEAVES
from triggers.conditions.tree import group_kind, normalise, pointer, trees_in
from triggers.conditions.verdict import Node, NodeKind, Verdict

_JOINTS = {NodeKind.ALL: " and ", NodeKind.ANY: " or ", NodeKind.NONE: " or "}
_HEADS = {NodeKind.ALL: "all of", NodeKind.ANY: "any of", NodeKind.NONE: "none of"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a described tree. `depth` counts from 0; `path` is a JSON pointer into the normalised tree."""

    depth: int
    path: str
    text: str


def describe(tree: Any) -> str:
    """A valid tree as one clause: "the status changes, and its status becomes open"."""
    return _clause(normalise(tree), outermost=True)


def describe_lines(tree: Any) -> list[Line]:
    """A valid tree as lines, parents before children, for a list with indents."""
    return _lines(normalise(tree), "", 0)


def summary(verdict: Verdict) -> str:
    """Why, in one clause: the error, what did not hold with expected and actual, or how much held."""
    if verdict.error is not None:
        return verdict.error
    if verdict.matched:
        return verdict.because.actual
    return "; ".join(_reason(node) for node in culprits(verdict.because)[:3])


def culprits(root: Node) -> list[Node]:
    """The leaves that decided against a match, in order: those that do not hold, and under NONE those that do."""
    return _deciding(root) if root.holds is False else []


def _deciding(node: Node) -> list[Node]:
    if node.kind is NodeKind.LEAF:
        return [node]
    if node.kind is NodeKind.NONE:
        # What holds here is what stands in the way; its own parts are its reasons.
        return [leaf for child in node.children if child.holds for leaf in _holding(child)]
    return [leaf for child in node.children if child.holds is False for leaf in _deciding(child)]


def _holding(node: Node) -> list[Node]:
    if node.kind is NodeKind.LEAF:
        return [node]
    if node.kind is NodeKind.NONE:
        return [leaf for child in node.children if child.holds is False for leaf in _deciding(child)]
    return [leaf for child in node.children if child.holds for leaf in _holding(child)]


def _reason(node: Node) -> str:
    if node.holds:
        return f"{node.label}: {node.actual} is excluded"
    return f"{node.label}: {node.actual}, wanted: {node.expected}"


def _clause(node: Mapping[str, Any], *, outermost: bool = False) -> str:
    kind = group_kind(node)
    if kind is None:
        return _leaf_words(node)
    children = [_clause(child) for child in node[kind.value]]
    joined = _JOINTS[kind].join(children)
    if kind is NodeKind.NONE:
        return f"none of ({joined})"
    return joined if outermost or len(children) == 1 else f"({joined})"


def _lines(node: Mapping[str, Any], path: str, depth: int) -> list[Line]:
    kind = group_kind(node)
    if kind is None:
        return [Line(depth, path, _leaf_words(node))]
    lines = [Line(depth, path, _HEADS[kind])]
    for at, child in enumerate(node[kind.value]):
        lines += _lines(child, pointer(path, kind.value, at), depth + 1)
    return lines


def _leaf_words(node: Mapping[str, Any]) -> str:
    leaf = LEAVES.find(node.get("type"), node.get("version"))
    if leaf is None:
        return f"an unknown condition ({node.get('type')})"
    config = node["config"]
    return leaf.words({**config, **{key: _clause(config[key]) for key in trees_in(node)}})
