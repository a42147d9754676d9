"""The body of an internal delivery: a whole event, and what is special about it. Pure; written and read here only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FIRED_BY_HAND = "dct.trigger.fired_by_hand"
"""The type of an event by which a person fires a trigger."""


class NotAnOrder(ValueError):
    """The body is not one that `Order.to_body` wrote."""


@dataclass(frozen=True)
class Order:
    """An event as DCT orders it.

    ``source`` is the source that conditions see (a replay keeps its origin's). ``item_version`` is the state of the
    item to judge against; None is the current one. ``target_trigger_id``: only this trigger is asked. ``hop`` counts
    how many of DCT's own events led here.
    """

    source: str
    type: str
    time: datetime
    external_id: str
    subject: str = ""
    actor: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)
    item_id: int | None = None
    item_version: int | None = None
    target_trigger_id: int | None = None
    replay_of_id: int | None = None
    hop: int = 0
    is_cooldown_bypassed: bool = False
    is_late: bool = False

    def to_body(self) -> bytes:
        """The delivery's body: one JSON object, keys sorted."""
        return json.dumps({**self.__dict__, "time": self.time.isoformat()}, sort_keys=True).encode()

    @classmethod
    def from_body(cls, body: bytes) -> "Order":
        """The inverse of `to_body`. Raises NotAnOrder."""
        try:
            raw = json.loads(body)
            return cls(**{**raw, "time": datetime.fromisoformat(raw["time"])})
        except (ValueError, TypeError, KeyError) as wrong:
            raise NotAnOrder("The delivery is not one that DCT made.") from wrong
