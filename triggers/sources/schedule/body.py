"""The body of a slot's delivery. Pure; written and read here only."""

import json
from dataclasses import dataclass
from datetime import datetime

SLOT = "dct.schedule.slot"
"""The type of the event that a slot is."""


class NotASlot(ValueError):
    """The body is not one that `SlotBody.to_bytes` wrote."""


@dataclass(frozen=True)
class SlotBody:
    """A slot: of which schedule, which time it stands for, and whether it makes up for one that was missed.

    ``slot`` names it for good; ``local`` is what the clock on the wall showed, or would have.
    """

    schedule_id: int
    item_key: str
    title: str
    slot: str
    due_at: datetime
    local: str
    timezone: str
    is_made_up: bool = False

    def to_bytes(self) -> bytes:
        """One JSON object, keys sorted."""
        return json.dumps({**self.__dict__, "due_at": self.due_at.isoformat()}, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> "SlotBody":
        """The inverse of `to_bytes`. Raises NotASlot."""
        try:
            raw = json.loads(body)
            return cls(**{**raw, "due_at": datetime.fromisoformat(raw["due_at"])})
        except (ValueError, TypeError, KeyError) as wrong:
            raise NotASlot("The delivery is not one that the clock made.") from wrong
