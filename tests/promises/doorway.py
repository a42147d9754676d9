"""Doors that a check which is not asynchronous itself drives step by step, with a look at the rows in between."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.triggers.door.client import BODY, Answered, post
from triggers.door.app import Door

Result = TypeVar("Result")


class Doorway:
    """``count`` doors on one event loop, each with a connection and a memory of its own, as two servers have.

    ``at_answer`` is called with the status before a client sees it.
    """

    def __init__(self, count: int = 1, *, at_answer: Callable[[int], None] | None = None, **over: Any) -> None:
        self._count = count
        self._over = over
        self._at_answer = at_answer
        self._loop = asyncio.new_event_loop()
        self.doors: list[Door] = []

    def __enter__(self) -> Self:
        self.doors = [Door(**self._over) for _ in range(self._count)]
        for door in self.doors:
            # A tenth of a second for each signature that does not match; only unknown paths need it.
            door.endpoints._read_every_s = 0.0
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for door in self.doors:
            self.run(door.close())
        self.run(self._loop.shutdown_default_executor())
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)

    def post(self, path: str, body: bytes | list[bytes] = BODY, headers: Mapping[str, str | bytes] | None = None,
             **over: Any) -> Answered:  # fmt: skip
        """One request to the first door."""
        return self.run(self._post(self.doors[0], path, body, headers, **over))

    def post_together(self, path: str, headers: Mapping[str, str], times: int) -> list[Answered]:
        """The same request so many times at once, to each door in turn."""

        async def all_of_them() -> list[Answered]:
            return await asyncio.gather(
                *(self._post(self.doors[number % self._count], path, BODY, headers) for number in range(times))
            )

        return self.run(all_of_them())

    def flush_rejections(self) -> None:
        """Write the notes of what was turned away now."""
        for door in self.doors:
            self.run(door.rejections._flush())

    async def _post(self, door: Door, path: str, body: Any, headers: Any, **over: Any) -> Answered:
        async def watched(scope: Any, receive: Any, send: Any) -> None:
            async def look_and_send(message: MutableMapping[str, Any]) -> None:
                if self._at_answer is not None and message["type"] == "http.response.start":
                    self._at_answer(message["status"])
                await send(message)

            await door(scope, receive, look_and_send)

        return await post(watched, path, body, headers, **over)  # type: ignore[arg-type]
