"""The shape of a condition tree: groups ALL, ANY, NONE over leaves `{"type", "version", "config"}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triggers.conditions.leaves import LEAVES
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


def as_group(tree: Any) -> Any:
    """A plain list is read as ANY."""
    return {NodeKind.ANY.value: tree} if isinstance(tree, list) else tree


def trees_in(node: Any) -> tuple[str, ...]:
    """The keys of a leaf's config that hold trees of conditions; of what is no known leaf none."""
    leaf = LEAVES.find(node.get("type"), node.get("version", 1)) if isinstance(node, Mapping) else None
    config = node.get("config") if leaf is not None else None
    return tuple(key for key in leaf.trees if key in config) if leaf and isinstance(config, Mapping) else ()


def normalise(tree: Any) -> Any:
    """The tree as it is stored: a plain list is read as ANY, a leaf names its version and has a config; so are the
    trees inside a leaf.

    What is malformed stays as it is, for `validate` to name.
    """
    return _canonical(as_group(tree), depth=1)


def _canonical(node: Any, *, depth: int) -> Any:
    kind = group_kind(node)
    if depth > MAX_DEPTH:
        return node
    if kind is not None:
        return {kind.value: [_canonical(child, depth=depth + 1) for child in node[kind.value]]}
    if isinstance(node, Mapping) and "type" in node:
        config = node.get("config", {})
        inside = {key: _canonical(as_group(config[key]), depth=depth + 1) for key in trees_in(node)}
        return {**node, "version": node.get("version", 1), "config": {**config, **inside} if inside else config}
    return node


def pointer(path: str, *keys: str | int) -> str:
    """A JSON pointer (RFC 6901) extended by keys."""
    return path + "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)
