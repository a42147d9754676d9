"""Promises 7 and 8, as checks: any bytes get an answer in JSON, and whoever is slow keeps nobody else waiting."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, patch

import uvicorn
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.test import Client
from uvicorn.server import ServerState

from dct_site import interpreter
from dct_site.gate import AT_ONCE, GatedHandler
from tests.abuse import NOT_SAFE
from tests.factories.accounts import make_user
from tests.promises.doorway import Doorway
from tests.triggers.door.client import BODY, github, make_hook
from triggers.door.app import Door
from triggers.door.straight import StraightProtocol
from triggers.enums import Refusal

PROBLEM = "application/problem+json"


def any_bytes_get_a_4xx_at_the_door() -> None:
    """Promise 7: also from somebody who has the secret."""
    hook = make_hook()
    with Doorway() as door:
        for name, body in NOT_SAFE.items():
            answer = door.post(hook.endpoint.path, body, github(body))
            told = f"at the door, {name} was answered {answer.status}"
            assert (answer.status, answer.headers["content-type"]) == (400, PROBLEM), told
            assert json.loads(answer.body)["detail"], told


def any_bytes_get_a_4xx_at_the_api() -> None:
    """Promise 7: there it is the parser of the whole API."""
    client = Client(raise_request_exception=False)
    client.force_login(make_user(is_superuser=True))
    for name, body in NOT_SAFE.items():
        # An empty body asks for a draft with nothing in it.
        if body:
            answer = client.post("/api/v1/triggers/", data=body, content_type="application/json")
            told = f"at the API, {name} was answered {answer.status_code}"
            assert (answer.status_code, answer["Content-Type"]) == (400, PROBLEM), told


class Connection:
    """A client's connection to ``StraightProtocol``, with the timers in the check's own hands."""

    def __init__(self) -> None:
        self.is_closed = False
        self.timers: list[Any] = []
        self._loop = asyncio.new_event_loop()
        config = uvicorn.Config(_nobody, http=StraightProtocol, lifespan="off", log_config=None)
        self._protocol = StraightProtocol(config, ServerState(), {}, _loop=self._as_loop(), door=Mock())
        self._protocol.connection_made(self._as_transport())

    def send(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def let_time_pass(self) -> None:
        """Everything that was to happen later happens."""
        for timer in self.timers:
            if not timer.is_cancelled:
                timer.call()

    def fill(self) -> None:
        """The client reads nothing of an answer."""
        self._protocol.pause_writing()

    def drain(self) -> None:
        """It goes on reading."""
        self._protocol.resume_writing()

    def end(self) -> None:
        self._protocol.connection_lost(None)
        self._loop.close()

    def _as_loop(self) -> Any:
        def call_later(_: float, call: Callable[[], None]) -> Any:
            timer = SimpleNamespace(call=call, is_cancelled=False)
            timer.cancel = lambda: setattr(timer, "is_cancelled", True)
            self.timers.append(timer)
            return timer

        return SimpleNamespace(call_later=call_later, create_task=self._begin)

    def _begin(self, work: Any, **_: Any) -> Any:
        """Requests go nowhere here."""
        work.close()
        return Mock()

    def _as_transport(self) -> Any:
        return SimpleNamespace(
            close=lambda: setattr(self, "is_closed", True),
            abort=lambda: setattr(self, "is_closed", True),
            is_closing=lambda: self.is_closed,
            get_extra_info=lambda *_: None,
            pause_reading=lambda: None,
            resume_reading=lambda: None,
            write=lambda _: None,
        )


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    """No request is ever whole here."""


BEGINNINGS = (b"", b"POST", b"POST /hooks/x HTTP/1.1\r\n", b"POST /hooks/x HTTP/1.1\r\nHost: x\r\nX-A: ")


def a_header_without_end_is_cut_off() -> None:
    """Promise 8: after its time, however much of it there is by then."""
    for beginning in BEGINNINGS:
        client = Connection()
        if beginning:
            client.send(beginning)
        client.let_time_pass()
        is_closed = client.is_closed
        client.end()
        assert is_closed, f"a header that stops after {beginning!r} is waited for without end"


def a_header_without_limit_is_cut_off() -> None:
    """Promise 8: what arrives of a header is kept in memory, 64 kB of it."""
    client = Connection()
    client.send(b"POST /hooks/x HTTP/1.1\r\nX-A: ")
    for _ in range(80):
        if not client.is_closed:
            client.send(b"a" * 1024)
    is_closed = client.is_closed
    client.end()
    assert is_closed, "a header of 80 kB is still read"


def a_body_that_loses_its_pace_is_cut_off() -> None:
    """Promise 8: to a page or the API too; one that comes at its pace is waited for, however long it is."""
    head = b"POST /api/v1/triggers/ HTTP/1.1\r\nHost: x\r\n"
    for slow in (head + b"Content-Length: 9\r\n\r\n{", head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"):
        client = Connection()
        client.send(slow)
        client.let_time_pass()
        is_closed = client.is_closed
        client.end()
        assert is_closed, "a body that stops in the middle is waited for without end"
    steady = Connection()
    steady.send(head + b"Content-Length: 1000000\r\n\r\n")
    for _ in range(12):
        begun = [timer for timer in steady.timers if not timer.is_cancelled]
        steady.send(b"x" * 70_000)
        assert all(timer.is_cancelled for timer in begun), "a body that keeps its pace is not given more time"
    steady.send(b"x" * 160_000)
    steady.let_time_pass()
    is_closed = steady.is_closed
    steady.end()
    assert not is_closed, "a body that is there was cut off"


def an_answer_that_nobody_reads_is_given_up() -> None:
    """Promise 8: who reads on is waited for."""
    client, reader = Connection(), Connection()
    for one in (client, reader):
        one.send(b"GET /login/ HTTP/1.1\r\nHost: x\r\n\r\n")
        one.fill()
        if one is reader:
            one.drain()
        one.let_time_pass()
    kept = (client.is_closed, reader.is_closed)
    client.end()
    reader.end()
    assert kept != (False, False), "an answer that nobody reads is kept without end"
    assert kept == (True, False), "who read its answer was cut off"


def pages_are_made_a_few_at_a_time() -> None:
    """Promise 8: a thread for each of a flood would leave the door no turn."""
    inside, most = 0, 0

    async def make(self: ASGIHandler, request: Any) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    async def ask() -> None:
        handler = GatedHandler()
        await asyncio.gather(*(handler.run_get_response(HttpRequest()) for _ in range(100)))

    with patch.object(ASGIHandler, "run_get_response", make):
        asyncio.run(ask())
    assert most == AT_ONCE, f"{most} pages were made at once where {AT_ONCE} may be"


def connections_are_as_many_as_the_system_allows() -> None:
    """Promise 8: a thousand slow clients are no reason to take no other."""
    limits = [(1024, 20_000)]
    with (
        patch("dct_site.interpreter.resource.getrlimit", lambda _: limits[-1]),
        patch("dct_site.interpreter.resource.setrlimit", lambda _, wanted: limits.append(wanted)),
    ):
        interpreter.take_all_descriptors()
    assert limits[-1] == (20_000, 20_000), f"web opens at most {limits[-1][0]} connections where 20000 may be"


def a_body_without_end_is_cut_off_and_gives_its_room_back() -> None:
    """Promise 8: with 408, after its time."""
    hook = make_hook()
    answered: list[int] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        answered.append(message.get("status", 0))

    async def slowly(door: Door) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/hooks/{hook.endpoint.path}",
            "headers": [(b"content-length", b"1000")],
        }
        try:
            async with asyncio.timeout(0.2):
                await door(scope, never, send)
        except TimeoutError:
            raise AssertionError("a body that never comes is waited for without end") from None

    with Doorway(body_deadline_s=0.01) as doors:
        doors.run(slowly(doors.doors[0]))
        assert answered[0] == 408, f"a body that never comes was answered {answered[0]}"
        assert doors.doors[0]._budget.used == 0, "the room of a body that never came is kept"


def slow_bodies_take_no_more_room_than_there_is() -> None:
    """Promise 8: what is held of bodies has a limit, whoever is beyond it is told when to come again, and whoever is
    small enough enters.
    """
    hook = make_hook(max_body_bytes=1000)

    async def flood(doorway: Doorway) -> tuple[int, int, list[int]]:
        door, release, statuses = doorway.doors[0], asyncio.Event(), list[int]()
        got_so_far: asyncio.Queue[None] = asyncio.Queue()

        async def receive() -> Any:
            got_so_far.put_nowait(None)
            await release.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if "status" in message:
                statuses.append(message["status"])
                got_so_far.put_nowait(None)

        headers = [(b"content-length", b"1000")]
        scope = {"type": "http", "method": "POST", "path": f"/hooks/{hook.endpoint.path}", "headers": headers}
        tasks = [asyncio.ensure_future(door(scope, receive, send)) for _ in range(20)]
        for _ in tasks:
            await got_so_far.get()
        used = door._budget.used
        good = await doorway._post(door, hook.endpoint.path, BODY, github())
        release.set()
        await asyncio.gather(*tasks)
        return used, good.status, statuses

    with patch("triggers.door.app.let_pass", _at_once), Doorway(bytes_in_flight=5_500) as doorway:
        used, good, statuses = doorway.run(flood(doorway))
    assert used <= 5_500, f"{used} bytes are kept for slow bodies where 5500 may be"
    assert set(statuses) == {503}, f"whoever came beyond the limit was answered {set(statuses)}"
    assert good == 202, f"a good delivery beside slow ones was answered {good}"


async def _at_once(*_: Any) -> None:
    """Nobody here goes on sending."""


def a_flood_is_turned_away_before_anything_is_computed() -> None:
    """Promise 8: the rate of a webhook is looked at before the signature, and a burst is one row."""
    hook = make_hook(rate_per_minute=12)
    verified = 0

    def counted(*_: Any) -> str:
        nonlocal verified
        verified += 1
        return Refusal.STALE_TIMESTAMP

    with patch("triggers.door.app.refusal_of", counted), Doorway(monotonic=lambda: 1_000.0) as door:
        answers = [door.post(hook.endpoint.path).status for _ in range(30)]
        door.flush_rejections()
    assert answers.count(429) == 28, f"of thirty at once, {answers.count(429)} were told to slow down"
    assert verified <= 4, f"{verified} signatures of a flood were computed"
