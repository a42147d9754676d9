"""What keeps one sender from using up the door: a token bucket per endpoint and a budget of bytes in flight; and what
keeps all of them from filling the disk.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

BURST_S = 10.0
"""A quiet endpoint may send as much at once as its rate allows in this time."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    is_dry: bool = False


@dataclass(frozen=True, slots=True)
class Turned:
    """A request over the limit: when to come again, and whether it is the first since there was room."""

    retry_after_s: int
    is_first: bool


class Rates:
    """A token bucket per endpoint. ``now`` is monotonic time in seconds."""

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = {}

    def take(self, endpoint_id: int, per_minute: int, now: float) -> Turned | None:
        """Take a token; None where there was one."""
        rate = per_minute / 60
        room = max(1.0, rate * BURST_S)
        bucket = self._buckets.get(endpoint_id)
        if bucket is None:
            bucket = self._buckets[endpoint_id] = _Bucket(tokens=room, at=now)
        bucket.tokens = min(room, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if rate and bucket.tokens >= 1:
            bucket.tokens -= 1
            bucket.is_dry = False
            return None
        was_dry, bucket.is_dry = bucket.is_dry, True
        return Turned(retry_after_s=max(1, round((1 - bucket.tokens) / rate)) if rate else 60, is_first=not was_dry)


class Budget:
    """Bytes of bodies that the door holds at one time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def reserve(self, count: int) -> bool:
        """Take ``count`` bytes; False (and nothing taken) where there is no room."""
        if self.used + count > self.limit:
            return False
        self.used += count
        return True

    def release(self, count: int) -> None:
        self.used -= count


class Disk:
    """Whether the disk has room for more. ``has_room`` is asked in a thread, at most once in ``look_every_s``: a volume
    that hangs must not hold up the event loop, and whoever asks meanwhile goes by the last answer.
    """

    def __init__(self, has_room: Callable[[], bool], look_every_s: float = 1.0, patience_s: float = 0.5) -> None:
        self._has_room = has_room
        self._look_every_s = look_every_s
        self._patience_s = patience_s
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[bool] | None = None
        self._last = True

    async def is_full(self) -> bool:
        if time.monotonic() - self._looked_at >= self._look_every_s:
            await self._look()
        return not self._last

    async def _look(self) -> None:
        if self._looking is None:
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._has_room))
        looking = self._looking
        done, _ = await asyncio.wait({looking}, timeout=self._patience_s)
        if done and self._looking is looking:
            self._last, self._looking, self._looked_at = looking.result(), None, time.monotonic()
