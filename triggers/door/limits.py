"""What keeps senders from using up memory and disk: a budget of bytes in flight, a look at the disk and the load."""

import asyncio
import time
from collections.abc import Callable


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


class Lookout:
    """Whether there is room for more: on the disk, on the ladder of overload. ``has_room`` is asked in a thread, at
    most once in ``look_every_s``: a volume that hangs must not hold up the event loop, and whoever asks meanwhile goes
    by the last answer.
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
