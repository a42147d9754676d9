"""The gate before Django: a few at a time, in order, and nobody who goes away or takes long keeps a place."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse

from dct_site.gate import GatedHandler

pytestmark = pytest.mark.one_pass


class Pages:
    """What Django would do with requests: each goes on until it is told to end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        pages = self

        async def make(self: ASGIHandler, request: HttpRequest) -> HttpResponse:
            pages.inside.append(request.path)
            try:
                await pages.ends[request.path].wait()
            finally:
                pages.inside.remove(request.path)
            if request.path.startswith("broken"):
                raise RuntimeError
            return HttpResponse(request.path)

        monkeypatch.setattr(ASGIHandler, "run_get_response", make)

    async def ask(self, handler: GatedHandler, *paths: str) -> None:
        for path in paths:
            request = HttpRequest()
            request.path = path
            self.ends[path] = asyncio.Event()
            self.tasks[path] = asyncio.ensure_future(handler.run_get_response(request))
        await settle()

    async def end(self, path: str) -> None:
        self.ends[path].set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool], *, every_s: float = 0.0) -> None:
    """Let the others go on until something holds, and not one step further."""
    for _ in range(5_000):
        if holds():
            return
        await asyncio.sleep(every_s)
    raise AssertionError("it never came to hold")


@pytest.fixture
async def pages(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pages]:
    made = Pages(monkeypatch)
    yield made
    for task in made.tasks.values():
        task.cancel()
        with suppress(asyncio.CancelledError, RuntimeError):
            await task


@asynccontextmanager
async def full(pages: Pages, **over: Any) -> AsyncIterator[GatedHandler]:
    """A gate for two with two inside and two before it."""
    handler = GatedHandler(**{"at_once": 2, **over})
    await pages.ask(handler, "a", "b", "c", "d")
    assert pages.inside == ["a", "b"]
    yield handler


async def test_who_ends_lets_the_next_in_by_the_order_of_arrival(pages: Pages) -> None:
    async with full(pages):
        await pages.end("b")
        assert pages.inside == ["a", "c"]
        await pages.end("a")
        assert pages.inside == ["c", "d"]
        assert pages.tasks["a"].result().content == b"a"


async def test_an_error_frees_its_place_too(pages: Pages) -> None:
    handler = GatedHandler(at_once=1)
    await pages.ask(handler, "broken", "next")
    await pages.end("broken")
    assert pages.inside == ["next"]
    with pytest.raises(RuntimeError):
        pages.tasks["broken"].result()


async def test_beyond_what_may_wait_it_is_503_with_when_to_come_again(pages: Pages) -> None:
    async with full(pages, most_waiting=2) as handler:
        await pages.ask(handler, "e")
        answer = pages.tasks["e"].result()
        assert (answer.status_code, answer["Retry-After"]) == (503, "1")
        await pages.end("a")
        await pages.ask(handler, "f")
        assert not pages.tasks["f"].done()


async def test_who_goes_away_leaves_the_place_to_the_next(pages: Pages) -> None:
    async with full(pages) as handler:
        pages.tasks["c"].cancel()  # while it waits
        await settle()
        pages.ends["a"].set()
        await until(lambda: not handler._waiting)
        pages.tasks["d"].cancel()  # when its turn has just come
        await settle()
        assert pages.inside == ["b"]
        await pages.ask(handler, "e", "f")
        assert pages.inside == ["b", "e"]
        pages.tasks["b"].cancel()  # inside
        await settle()
        assert pages.inside == ["e", "f"]


async def test_what_waits_for_somebody_outside_keeps_no_page_waiting(pages: Pages) -> None:
    async with full(pages, counts_for_s=0.01) as handler:
        await until(lambda: len(pages.inside) == 4, every_s=0.001)
        for path in "abcd":
            await pages.end(path)
        assert handler._inside == 0


async def test_when_all_have_gone_the_gate_is_as_it_was(pages: Pages) -> None:
    async with full(pages) as handler:
        for path in "abcd":
            await pages.end(path)
        assert (handler._inside, handler._waiting) == (0, {})
