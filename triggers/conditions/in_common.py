"""What several events have in common, or not: the value at a path of each, in the form that is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from triggers.conditions import paths
from triggers.conditions.facts import EventFacts, composed, folded
from triggers.conditions.shared_keys import is_case_sensitive

MOST_SECONDS = 31 * 24 * 3600
"""So far back, or ahead, a leaf may look for other events."""


def value_at(path: str, event: EventFacts, config: Mapping[str, Any]) -> Any:
    """The value at a path in the form that is compared; None where there is none that could be."""
    found = paths.look_up(path, event, None)
    form = composed if is_case_sensitive(config) else folded
    if not isinstance(found, str | int | float):
        return None
    # Python holds True == 1.
    return (isinstance(found, bool), form(found) if isinstance(found, str) else found)


def wrong_with(path: str, about_items: str) -> str | None:
    """What is wrong with a path of events, as the end of a sentence. ``about_items``: why none of the item will do."""
    if path.startswith("item."):
        return f"must begin with event., data. or changes.; the item is not {about_items}."
    return paths.wrong_with(path) if path else None
