"""The keys of changes: two reports of one change, from a webhook and a poll, are one event."""

import hashlib
from collections.abc import Sequence

from triggers.services.decide.read import Reading
from triggers.services.decide.sql import stored_changes
from triggers.sources.base import ParsedEvent


def change_key(parsed: ParsedEvent) -> str:
    """The change's key as it is stored: a longer one by its hash."""
    key = parsed.change_key
    return key if len(key) <= 300 else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def seen_before(readings: Sequence[Reading]) -> dict[tuple[int, str], int | None]:
    """The changes of these readings that were reported before, with the event that did; None: in this batch."""
    keys = {
        (reading.delivery.connection_id, change_key(parsed))
        for reading in readings
        if reading.order is None
        for parsed in reading.events
        if parsed.change_key
    }
    return stored_changes(keys)


def words(event_id: int | None) -> str:
    return f"The same change was reported already, as event {event_id}." if event_id else "The same change came twice."
