"""The `string_match` leaf: the event's key, headline or text holds given words. The shared keys ask for them."""

from __future__ import annotations

from triggers.conditions.checks import Complaint
from triggers.conditions.registry import Config, Leaf


def complain(config: Config) -> tuple[Complaint, ...]:
    # Without words to look for it would match every event.
    if config.get("search_string") or config.get("contains_keywords"):
        return ()
    message = "or contains_keywords must be given; without them string_match would match everything."
    return (Complaint("search_string", "required", message),)


LEAF = Leaf(
    type="string_match",
    version=1,
    title="Text contains",
    about="the key, headline or text holds the words",
    complain=complain,
)
