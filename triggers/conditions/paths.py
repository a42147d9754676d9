"""Dotted paths into the facts: `event.type`, `data.pull_request.base.ref`, `changes.status.new`, `item.state.labels.0`.

A dot inside a key is written `\\.`, a backslash `\\\\`. This is a look-up, not a language: no calls, no wildcards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from triggers.conditions.facts import EventFacts, ItemFacts

MAX_PATH_CHARACTERS = 500
ROOTS = ("event", "data", "changes", "item")

EVENT_FIELDS = (
    "source",
    "type",
    "subject",
    "actor",
    "title",
    "text",
    "time",
    "kinds",
    "mentions",
    "is_reply",
    "trust_tier",
    "origin",
    "extensions",
)
ITEM_FIELDS = ("kind", "key", "version", "state")


class Missing(Enum):
    """The value of a path that leads nowhere. None will not do: null is a value."""

    MISSING = "is not there"


MISSING = Missing.MISSING


def split(path: str) -> tuple[str, ...]:
    """The keys of a dotted path, escapes resolved."""
    keys, key, escaped = [], "", False
    for character in path:
        if escaped or character not in "\\.":
            key, escaped = key + character, False
        elif character == "\\":
            escaped = True
        else:
            keys.append(key)
            key = ""
    return (*keys, key)


def wrong_with(path: str) -> str | None:
    """What is wrong with a path, as the end of a sentence; None when it is well formed."""
    keys = split(path)
    if len(path) > MAX_PATH_CHARACTERS:
        return f"has {len(path)} characters; at most {MAX_PATH_CHARACTERS} are allowed."
    if keys[0] not in ROOTS or len(keys) < 2 or not all(keys):
        return "must begin with event., data., changes. or item. and name a field, such as data.issue.key."
    known = {"event": EVENT_FIELDS, "item": ITEM_FIELDS}.get(keys[0])
    if known is not None and keys[1] not in known:
        return f"names no field of {keys[0]}; there are {', '.join(known)}."
    return None


def look_up(path: str, event: EventFacts, item: ItemFacts | None) -> Any:
    """The value at `path`, or MISSING. Never raises for a path that `wrong_with` accepts."""
    root, first, *rest = split(path)
    if root == "data":
        return descend(event.data, (first, *rest))
    if root == "changes":
        return _look_up_change((first, *rest), event)
    if root == "item":
        return MISSING if item is None else descend(getattr(item, first), rest)
    return descend(event.time.isoformat() if first == "time" and event.time else getattr(event, first), rest)


def change_at(path: str, event: EventFacts) -> tuple[Any, Any] | None:
    """(before, after) of a `changes.` path, or None when that did not change."""
    return event.change(".".join(split(path)[1:]))


def _look_up_change(keys: Sequence[str], event: EventFacts) -> Any:
    """`changes.x` and `changes.x.new` are the value after, `changes.x.old` the one before; x may hold dots itself."""
    whole = event.changes.get(".".join(keys))
    if whole is not None:
        return whole[1]
    pair = event.changes.get(".".join(keys[:-1]))
    if pair is None or keys[-1] not in ("old", "new"):
        return MISSING
    return pair[0] if keys[-1] == "old" else pair[1]


def descend(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list | tuple) and _is_index(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value


def _is_index(key: str) -> bool:
    # "²".isdigit() is true, and int() refuses it.
    return key.isascii() and key.isdigit()
