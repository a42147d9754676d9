"""A token bucket for each sender: what keeps one of them from using up what all share."""

from collections.abc import Hashable
from dataclasses import dataclass

BURST_S = 10.0
"""A quiet sender may send as much at once as its rate allows in this time."""

QUIET_S = 60.0
"""A burst is over when nothing was refused for this long."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    refused_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Turned:
    """A request over the limit: when to come again, and whether it is the first of its burst."""

    retry_after_s: int
    is_first: bool


class Rates:
    """A token bucket for each key, in the memory of one process. ``now`` is monotonic time in seconds."""

    def __init__(self) -> None:
        self._buckets: dict[Hashable, _Bucket] = {}

    def take(self, key: Hashable, per_minute: int, now: float, *, cost: int = 1) -> Turned | None:
        """Take a token, or ``cost`` of them; None where there were as many. What costs more than a full bucket goes
        through a full one and leaves a debt.

        Who floods gets one request through with every token that drips in: that ends no burst, or each drip would
        begin another one, with a row of its own.
        """
        rate = per_minute / 60
        room = max(1.0, rate * BURST_S)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(tokens=room, at=now)
        bucket.tokens = min(room, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        wanted = min(cost, room)
        if rate and bucket.tokens >= wanted:
            bucket.tokens -= cost
            return None
        is_first = now - bucket.refused_at >= QUIET_S
        bucket.refused_at = now
        return Turned(retry_after_s=max(1, round((wanted - bucket.tokens) / rate)) if rate else 60, is_first=is_first)
