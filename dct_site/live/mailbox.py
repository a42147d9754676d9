"""What one websocket still has to be told: bounded, numbered without gaps, and honest when it overflowed."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from accounts.models import User

CAPACITY = 300
RESYNC: Mapping[str, Any] = {"type": "resync"}


class Mailbox:
    """Messages for one connection. When it is full everything in it is dropped and one ``resync`` takes its place.

    ``seq`` is given when a message is taken out, so that what the client sees has no gaps whatever was dropped.
    """

    def __init__(self, user: User, *, capacity: int = CAPACITY) -> None:
        self.user = user
        self.topics: frozenset[str] = frozenset()
        self._waiting: list[Mapping[str, Any]] = []
        self._capacity = capacity
        self._filled = asyncio.Event()
        self._seq = 0

    def subscribe(self, topics: Iterable[str]) -> None:
        self.topics |= frozenset(topics)

    def unsubscribe(self, topics: Iterable[str]) -> None:
        self.topics -= frozenset(topics)

    def put(self, message: Mapping[str, Any]) -> None:
        if len(self._waiting) >= self._capacity:
            self._waiting = [RESYNC]
        elif self._waiting[-1:] != [RESYNC] or message.get("type") != "resync":
            self._waiting.append(message)
        self._filled.set()

    async def take(self) -> list[dict[str, Any]]:
        """Wait for messages and take them all, numbered."""
        await self._filled.wait()
        self._filled.clear()
        taken, self._waiting = self._waiting, []
        return [{**message, "seq": self._next()} for message in taken]

    def _next(self) -> int:
        self._seq += 1
        return self._seq
