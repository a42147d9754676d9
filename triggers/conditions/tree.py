"""The shape of a condition tree: groups ALL, ANY, NONE over leaves `{"type", "version", "config"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triggers.conditions.verdict import NodeKind

MAX_DEPTH = 16
MAX_LEAVES = 500
MAX_STRING = 10_000

GROUPS = (NodeKind.ALL, NodeKind.ANY, NodeKind.NONE)
LEAF_KEYS = ("type", "version", "config")


def group_kind(node: Any) -> NodeKind | None:
    """The kind of a group `{"all": [...]}`; None when the node is not a well-formed group."""
    if not isinstance(node, Mapping) or len(node) != 1:
        return None
    name = next(iter(node))
    return NodeKind(name) if name in GROUPS and isinstance(node[name], list) else None


def normalise(tree: Any) -> Any:
    """The tree as it is stored: a plain list is read as ANY, a leaf names its version and has a config.

    What is malformed stays as it is, for `validate` to name.
    """
    return _canonical({NodeKind.ANY.value: tree} if isinstance(tree, list) else tree, depth=1)


def _canonical(node: Any, *, depth: int) -> Any:
    kind = group_kind(node)
    if depth > MAX_DEPTH:
        return node
    if kind is not None:
        return {kind.value: [_canonical(child, depth=depth + 1) for child in node[kind.value]]}
    if isinstance(node, Mapping) and "type" in node:
        return {**node, "version": node.get("version", 1), "config": node.get("config", {})}
    return node


def pointer(path: str, *keys: str | int) -> str:
    """A JSON pointer (RFC 6901) extended by keys."""
    return path + "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)
