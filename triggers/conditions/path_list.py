"""Every path that leads to a plain value in an event or its item: what an editor offers to choose from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.paths import EVENT_FIELDS, ITEM_FIELDS, MAX_PATH_CHARACTERS

MOST_PATHS = 400
DEEPEST = 8


def paths_in(event: EventFacts, item: ItemFacts | None) -> list[tuple[str, Any]]:
    """(path, value) in the order in which a person looks for them: the event's own, what it changed, its data, its
    item. Of a list the first entry stands for all; so many at most, however large the event is.
    """
    return list(islice(_all(event, item), MOST_PATHS))


def _all(event: EventFacts, item: ItemFacts | None) -> Iterator[tuple[str, Any]]:
    for name in EVENT_FIELDS:
        value = getattr(event, name)
        yield from _below(f"event.{name}", value.isoformat() if name == "time" and value else value, 2)
    for name, (_, new) in event.changes.items():
        # A changed name may hold dots of its own; they are no steps.
        yield from _below(f"changes.{name}", new, DEEPEST)
    yield from _below("data", event.data, 1)
    for name in ITEM_FIELDS if item is not None else ():
        yield from _below(f"item.{name}", getattr(item, name), 2)


def _below(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if len(path) > MAX_PATH_CHARACTERS or depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key:
                yield from _below(f"{path}.{_escaped(key)}", child, depth + 1)
    elif isinstance(value, list | tuple):
        for child in value[:1]:
            yield from _below(f"{path}.0", child, depth + 1)
    else:
        yield path, value


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.")
