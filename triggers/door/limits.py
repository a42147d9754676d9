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
    """Whether there is room for more: on the disk, on the ladder of overload.

    ``has_room`` is asked in a thread, by one at a time: a volume that hangs must not hold up the event loop. An answer
    is asked anew after ``fresh_s``, and counts until the next one is there; only one older than ``stale_s`` is waited
    for, and for ``patience_s`` at most. So under load nobody waits, and after a quiet night nobody is turned away for
    what was yesterday.
    """

    def __init__(
        self, has_room: Callable[[], bool], *, fresh_s: float = 1.0, stale_s: float = 5.0, patience_s: float = 0.5
    ) -> None:
        self._has_room = has_room
        self._fresh_s = fresh_s
        self._stale_s = stale_s
        self._patience_s = patience_s
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[bool] | None = None
        self._last = True

    async def is_full(self) -> bool:
        age_s = time.monotonic() - self._looked_at
        if age_s >= self._fresh_s:
            looking = self._begun()
            if age_s >= self._stale_s:
                await asyncio.wait({looking}, timeout=self._patience_s)
        return not self._last

    def _begun(self) -> "asyncio.Task[bool]":
        if self._looking is None:
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._has_room))
            self._looking.add_done_callback(self._seen)
        return self._looking

    def _seen(self, looking: "asyncio.Task[bool]") -> None:
        self._looking = None
        if not looking.cancelled():
            self._last, self._looked_at = looking.result(), time.monotonic()
