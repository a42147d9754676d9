"""What a journal entry is about, in the words that websockets subscribe to."""

from collections.abc import Iterable, Mapping
from typing import Any

from accounts.models import JournalEntry

PLURALS = {
    "execution": "executions",
    "trigger": "triggers",
    "workspace": "workspaces",
    "agent": "agents",
    "run": "runs",
    "deliverable": "deliverables",
    "listener": "listeners",
    "delivery": "deliveries",
    "event": "events",
    "item": "items",
    "start": "queue",
    "bulk_replay": "bulk-replays",
    "watch": "watches",
    "erasure": "erasures",
    "pause": "pauses",
    "overload": "overload",
}
"""The topic that every entry of a kind is under. Whatever has another kind is not for websockets."""

COUNTED = frozenset({"start", "run", "execution", "listener", "trigger", "pause", "overload"})
"""Kinds that may change what the status page counts: entries of them are under `health` too."""


def topics_of(entry: JournalEntry) -> frozenset[str]:
    """``execution:12``, ``executions`` and one topic for each id that the entry refers to.

    The card of a repository blinks for its pull requests: what hangs under an item is under the item's topic too.
    """
    found = {f"{entry.kind}:{entry.object_id}", PLURALS[entry.kind]}
    found.update(f"{'item' if kind == 'parent' else kind}:{number}" for kind, number in entry.refs.items())
    if entry.kind in COUNTED:
        found.add("health")
    return frozenset(found)


def status_message(entry: JournalEntry, topics: Iterable[str]) -> dict[str, Any]:
    """The message for one transition; ``seq`` is added per connection."""
    return {
        "type": "status",
        "at": entry.at.isoformat(),
        "object": entry.kind,
        "id": entry.object_id,
        "status": entry.to,
        "came_from": entry.came_from,
        "reason": entry.reason,
        "topics": sorted(topics),
    }


def conversation_message(agent_id: int, last_seq: int) -> dict[str, Any]:
    """The message that says an agent said something: a hint, the text itself is fetched."""
    topics = [f"agent:{agent_id}", f"talk:{agent_id}"]
    return {"type": "message", "object": "agent", "id": agent_id, "last_seq": last_seq, "topics": topics}


def agents_in(topics: Iterable[str]) -> set[int]:
    """The ids of the agents whose conversations are followed."""
    return {int(topic.partition(":")[2]) for topic in topics if topic.startswith(("agent:", "talk:"))}


def is_topic(text: Any) -> bool:
    """Whether a client may ask for this: a known plural, ``health``, or a known kind with an id."""
    if not isinstance(text, str) or len(text) > 40:
        return False
    kind, colon, number = text.partition(":")
    if not colon:
        return text in _SINGLE
    return (kind in PLURALS or kind in {"talk", "connection"}) and number.isascii() and number.isdigit()


_SINGLE = frozenset({*PLURALS.values(), "health"})

Refs = Mapping[str, int]
