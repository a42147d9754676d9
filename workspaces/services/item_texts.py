"""How an item's state is written down for an agent: as data, and readable with its outside text fenced."""

from collections.abc import Mapping, Sequence
from typing import Any

from workspaces.enums import ItemKind
from workspaces.models import ContextItem, ItemState
from workspaces.services.untrusted import clean_data, fenced


def as_data(item: ContextItem, *, state: Mapping[str, Any], version: int) -> dict[str, Any]:
    """The item with the state it was in at ``version``, as JSON data."""
    return {
        "kind": str(item.kind),
        "key": clean_data(item.external_key),
        "title": clean_data(item.title),
        "url": clean_data(item.url),
        "version": version,
        "state": clean_data(dict(state)),
    }


def as_markdown(item: ContextItem, *, state: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    """A page about the item: our words as headings, everything from outside in fenced blocks."""
    facts = [f"key: {item.external_key}", f"title: {item.title}", f"url: {item.url}"]
    facts += [f"{name}: {_one_line(value)}" for name, value in sorted(state.items())]
    page = f"# {ItemKind(item.kind).label}\n\n{fenced(chr(10).join(facts))}"
    if changes:
        moved = [f"{path}: {_one_line(old)} → {_one_line(new)}" for path, (old, new) in sorted(_pairs(changes))]
        page += f"\n## What changed\n\n{fenced(chr(10).join(moved))}"
    return page


def history_of(item: ContextItem, *, until: int, limit: int = 20) -> Sequence[dict[str, Any]]:
    """The item's states up to version ``until``, newest first."""
    states = ItemState.objects.filter(item=item, version__lte=until).order_by("-version")[:limit]
    return [
        {
            "version": state.version,
            "at": state.at.isoformat(),
            "changes": clean_data(state.changes),
            "state": clean_data(state.state),
        }
        for state in states
    ]


def _pairs(changes: Mapping[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    return [(path, (pair[0], pair[1])) for path, pair in changes.items() if isinstance(pair, list) and len(pair) == 2]


def _one_line(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, list):
        return ", ".join(map(_one_line, value)) or "–"
    return " ".join(str(value).split())
