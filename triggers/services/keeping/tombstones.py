"""What is said of rows whose content is no longer kept, and that nothing can be made of them any more."""

from datetime import UTC, datetime

from triggers.models import Event

INPUTS_PURGED = "inputs_purged"


class InputsPurged(Exception):
    """What this event said is no longer kept: it cannot be asked about again."""

    def __init__(self, event: Event) -> None:
        told = gone_since(event.purged_at)
        super().__init__(f"Event {event.pk} cannot be asked about again. {told}")


def gone_since(purged_at: datetime | None, what: str = "Its content") -> str:
    """The sentence for a tombstone; empty for a row that is whole."""
    if purged_at is None:
        return ""
    return f"{what} is no longer kept, since {purged_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
