"""Questions that several leaves share."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.facts import ChangePath, EventFacts, Kind
from triggers.conditions.verdict import shown


def changes(event: EventFacts, path: ChangePath) -> Check:
    """Does the event change `path`?"""
    change = event.change(path)
    actual = "did not change" if change is None else f"{shown(change[0])} → {shown(change[1])}"
    return Check(f"{path.value} changes", change is not None, "a change", actual)


def is_a(event: EventFacts, kind: Kind) -> Check:
    """Is the event of this kind?"""
    actual = shown(", ".join(event.kinds)) or "of no known kind"
    return Check("event is", kind in event.kinds, f"a new {kind.value}", actual)
