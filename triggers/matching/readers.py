"""Values of events and items by path, as closures: what `conditions.paths` looks up, prepared once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any

from triggers.conditions.facts import EventFacts, ItemFacts, composed, folded
from triggers.conditions.paths import MISSING, descend, split

Read = Callable[[EventFacts, ItemFacts | None], Any]
"""The value, or MISSING."""
ReadChange = Callable[[EventFacts], "tuple[Any, Any] | None"]
"""(before, after), or None where that did not change."""


@lru_cache(maxsize=2048)
def reader(path: str) -> Read:
    """The look-up of a path that `paths.wrong_with` accepts."""
    root, first, *rest = split(path)
    if root == "data":
        return _of_data((first, *rest))
    if root == "changes":
        return _of_changes((first, *rest))
    keys = tuple(rest)
    if root == "item":
        return lambda _event, item: MISSING if item is None else descend(getattr(item, first), keys)
    if first == "time":
        return lambda event, _item: descend(event.time.isoformat() if event.time else event.time, keys)
    if keys:
        return lambda event, _item: descend(getattr(event, first), keys)
    return lambda event, _item: getattr(event, first)


def _of_data(keys: tuple[str, ...]) -> Read:
    def read(event: EventFacts, _item: ItemFacts | None) -> Any:
        value: Any = event.data
        for key in keys:
            if value.__class__ is not dict:
                # Nothing; or a list, or another mapping: the long way from the start.
                return MISSING if value is MISSING else descend(event.data, keys)
            value = value.get(key, MISSING)
        return value

    return read


def _of_changes(keys: tuple[str, ...]) -> Read:
    whole, part, last = ".".join(keys), ".".join(keys[:-1]), keys[-1]
    side = {"old": 0, "new": 1}.get(last)

    def read(event: EventFacts, _item: ItemFacts | None) -> Any:
        pair = event.changes.get(whole)
        if pair is not None:
            return pair[1]
        pair = event.changes.get(part) if side is not None else None
        return MISSING if pair is None or side is None else pair[side]

    return read


@lru_cache(maxsize=2048)
def change_reader(name: str) -> ReadChange:
    """The look-up of a change by its name in `changes`."""

    def read(event: EventFacts) -> tuple[Any, Any] | None:
        pair = event.changes.get(name)
        if pair is None:
            return None
        before, after = pair
        if before.__class__ is str and after.__class__ is str:
            return None if before == after else (before, after)
        return event.change(name)

    return read


def fold(text: str) -> str:
    """What `facts.folded` answers, sooner for the usual text."""
    return text.lower() if text.isascii() else folded(text)


def normal(text: str, case_sensitive: bool) -> str:
    """The form of a text in which two that are alike are equal."""
    return composed(text) if case_sensitive else fold(text)


class NoKey:
    """What a value that equals no scalar is looked up by."""


def exact_key(value: Any, case_sensitive: bool) -> Hashable:
    """A key under which exactly the values that `operators.equal` holds equal meet; NoKey for lists and objects."""
    if isinstance(value, str):
        return normal(value, case_sensitive)
    if isinstance(value, bool):
        # Python holds True == 1.
        return (value,)
    return value if value is None or isinstance(value, int | float) else NoKey
