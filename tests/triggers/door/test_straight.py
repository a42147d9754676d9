"""Webhooks that go from the parser to the door: the same answers as by ASGI, and only what is plain goes that way."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from asgiref.sync import sync_to_async

from dct_site import web
from tests.triggers.door.client import BODY, github, make_hook, open_door
from triggers.door.app import Door
from triggers.door.protocol import PatientProtocol
from triggers.door.straight import StraightProtocol
from triggers.models import Delivery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tidy")]

make = sync_to_async(make_hook)


@dataclass
class Client:
    """One connection to a served door."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *parts: bytes) -> None:
        """Each part is there before the next one is sent."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(0.02 if len(parts) > 1 else 0)

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """The next answer: its status, its headers, its JSON."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, json.loads(body)

    async def is_closed(self) -> bool:
        return await asyncio.wait_for(self.reader.read(1), 10) == b""


@dataclass
class Served:
    """A door behind uvicorn. ``by_asgi`` holds the paths of what came to it by ASGI."""

    door: Door
    server: uvicorn.Server
    port: int = 0
    by_asgi: list[str] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        return client

    async def ask(self, *parts: bytes) -> tuple[int, dict[str, str], Any]:
        """One request on a connection of its own."""
        client = await self.connect()
        await client.send(*parts)
        return await client.answer()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens outside the test."""
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come in time")


@asynccontextmanager
async def served(*, straight: bool = True, **over: Any) -> AsyncIterator[Served]:
    async with open_door(**over) as door:
        by_asgi: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            by_asgi.append(scope["path"])
            await door(scope, receive, send)

        config = web.configured(app, lifespan="off", door=door if straight else None)
        config.port = 0
        server = uvicorn.Server(config)
        found = Served(door, server, by_asgi=by_asgi)
        serving = asyncio.ensure_future(server.serve())
        await until(lambda: server.started)
        found.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield found
        finally:
            for client in found.clients:
                client.writer.close()
            server.should_exit = True
            await serving


def request(
    path: str,
    body: bytes = BODY,
    headers: dict[str, str] | None = None,
    *,
    method: str = "POST",
    version: str = "1.1",
    **more: str,
) -> bytes:
    """The bytes of a request; further headers by name, with underscores for hyphens."""
    named = {"Host": "x", "Content-Length": str(len(body)), **(headers or {})}
    named |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = [f"{method} /hooks/{path} HTTP/{version}", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_webhook_that_is_there_as_a_whole_meets_no_asgi_and_its_connection_is_kept() -> None:
    hook = await make()
    async with served() as at:
        client = await at.connect()
        for key in ("a", "b"):
            await client.send(request(hook.endpoint.path, headers=github(key=key)))
            status, headers, told = await client.answer()
            assert (status, told["duplicate"]) == (202, False)
            assert "date" in headers
        assert at.by_asgi == []
    assert await Delivery.objects.acount() == 2


async def test_a_body_that_is_still_on_its_way_goes_by_asgi() -> None:
    hook = await make()
    whole = request(hook.endpoint.path, headers=github())
    async with served() as at:
        status, _, _ = await at.ask(whole[:-10], whole[-10:])
        assert status == 202
        status, _, _ = await at.ask(request(hook.endpoint.path, headers=github())[: -len(BODY)], BODY[:5], BODY[5:])
        assert status == 202
    assert len(at.by_asgi) == 2
    assert [bytes(row.body) async for row in Delivery.objects.all()] == [BODY, BODY]


async def test_a_body_that_stops_half_way_is_waited_for_no_longer_than_any_other() -> None:
    hook = await make()
    async with served(body_deadline_s=0.05) as at:
        status, _, told = await at.ask(request(hook.endpoint.path, headers=github())[:-10])
    assert (status, told["code"]) == (408, "too_slow")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"method": "PUT"}, 405),
        ({"version": "1.0"}, 202),
        ({"Expect": "100-continue"}, 100),
        ({"Upgrade": "h2c", "Connection": "Upgrade"}, 401),  # its body is not HTTP any more
    ],
    ids=lambda form: next(iter(form)) if isinstance(form, dict) else "",
)
async def test_what_is_not_plain_goes_by_asgi(form: dict[str, Any], status: int) -> None:
    hook = await make()
    async with served() as at:
        client = await at.connect()
        await client.send(request(hook.endpoint.path, headers=github(), **form))
        assert f" {status} " in (await client.reader.readline()).decode()
    assert len(at.by_asgi) == 1


@pytest.mark.parametrize("ending", ["?a=1", "%20"])
async def test_an_address_that_has_to_be_read_goes_by_asgi(ending: str) -> None:
    hook = await make()
    async with served() as at:
        status, _, _ = await at.ask(request(hook.endpoint.path + ending, headers=github()))
    assert (status, len(at.by_asgi)) == (202 if ending[0] == "?" else 404, 1)


async def test_requests_in_a_row_are_answered_in_their_order() -> None:
    hook = await make()
    async with served() as at:
        client = await at.connect()
        keys = ["a", "b", "a", "c"]
        await client.send(b"".join([request(hook.endpoint.path, headers=github(key=key)) for key in keys]))
        answers = [await client.answer() for _ in keys]
    assert [status for status, _, _ in answers] == [202] * 4
    first, second, again, last = (told for _, _, told in answers)
    assert again == {"delivery": first["delivery"], "duplicate": True}
    assert first["delivery"] < second["delivery"] < last["delivery"]


async def test_a_connection_is_closed_where_its_client_or_the_answer_says_so() -> None:
    hook = await make(max_body_bytes=100)
    async with served() as at:
        for asked in (
            request(hook.endpoint.path, headers=github(), Connection="close"),
            request(hook.endpoint.path, b" " * 200, github()),
        ):
            client = await at.connect()
            await client.send(asked)
            _, headers, _ = await client.answer()
            assert headers["connection"] == "close"
            assert await client.is_closed()
        assert at.by_asgi == []


ANSWERED: dict[str, tuple[dict[str, Any], bytes, dict[str, str], int]] = {
    "accepted": ({}, BODY, {}, 202),
    "a bad signature": ({}, BODY, {"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401),
    "no signature": ({}, BODY, {"X-Hub-Signature-256": ""}, 401),
    "too large": ({"max_body_bytes": 10}, BODY, {}, 413),
    "no JSON": ({}, b"{", {}, 400),
    "encoded": ({}, BODY, {"Content-Encoding": "gzip"}, 415),
}


@pytest.mark.parametrize("which", ANSWERED)
async def test_both_ways_answer_alike(which: str) -> None:
    over, body, headers, expected = ANSWERED[which]
    hook = await make(**over)
    told = []
    for straight in (True, False):
        async with served(straight=straight) as at:
            status, names, answer = await at.ask(request(hook.endpoint.path, body, github(body, key="k") | headers))
            assert bool(at.by_asgi) is not straight
        names.pop("date"), names.pop("content-length")
        told.append((status, names, {key: value for key, value in answer.items() if key != "duplicate"}))
    assert told[0] == told[1]
    assert told[0][0] == expected


async def test_a_path_that_nobody_knows_and_too_many_at_once_are_answered_without_asgi() -> None:
    hook = await make()
    async with served(bytes_in_flight=10) as at:
        status, _, told = await at.ask(request("x" * 43))
        assert (status, told["code"]) == (404, "not_found")
        status, _, told = await at.ask(request(hook.endpoint.path, headers=github()))
        assert (status, told["code"]) == (503, "busy")
        head = request(hook.endpoint.path, b"", github()).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        status, _, told = await at.ask(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert (status, told["code"]) == (503, "busy")
        assert at.by_asgi == []


async def test_a_fault_of_the_door_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await make()
    monkeypatch.setattr("triggers.door.app.kept", lambda _: 1 / 0)
    async with served() as at:
        status, _, told = await at.ask(request(hook.endpoint.path, headers=github()))
    assert (status, told["code"], at.by_asgi) == (503, "unavailable", [])


async def test_whoever_hangs_up_is_stored_all_the_same() -> None:
    hook = await make()
    async with served() as at:
        client = await at.connect()
        await client.send(request(hook.endpoint.path, headers=github()))
        client.writer.close()
        await until(lambda: at.door.writer.batches > 0)
        assert at.by_asgi == []
    assert await Delivery.objects.acount() == 1


async def test_who_takes_no_answer_gets_no_second_one_past_uvicorns_brake() -> None:
    hook = await make()
    async with served() as at:
        client = await at.connect()
        await client.send(request(hook.endpoint.path, headers=github()))
        await client.answer()
        (protocol,) = at.server.server_state.connections
        assert isinstance(protocol, StraightProtocol)
        protocol.flow.pause_writing()
        await client.send(request(hook.endpoint.path, headers=github()))
        await until(lambda: bool(at.by_asgi))
        protocol.flow.resume_writing()
        assert (await client.answer())[0] == 202


def _protocol(at: Served) -> StraightProtocol:
    (protocol,) = at.server.server_state.connections
    assert isinstance(protocol, StraightProtocol)
    return protocol


async def test_a_connection_that_nobody_uses_any_more_is_closed_and_one_in_use_is_not() -> None:
    hook = await make()
    async with served() as at:
        client = await at.connect()
        asked = request(hook.endpoint.path, headers=github())
        await client.send(asked)
        await client.answer()
        protocol = _protocol(at)
        timer = protocol._idle_timer
        assert timer is not None
        await client.send(asked)
        await client.answer()
        assert protocol._idle_timer is timer  # one for all of them
        timer.cancel()
        protocol._look_whether_idle()  # it was used a moment ago
        assert not protocol.transport.is_closing()
        assert protocol._idle_timer is not None
        protocol.timeout_keep_alive = -1
        await client.send(asked[:20])
        await until(lambda: protocol._is_in_header)
        protocol._look_whether_idle()  # a request is on its way
        assert not protocol.transport.is_closing()
        await client.send(asked[20:])
        assert (await client.answer())[0] == 202
        assert await client.is_closed()


async def test_a_request_by_asgi_counts_as_use() -> None:
    hook = await make()
    async with served() as at:
        client = await at.connect()
        await client.send(request(hook.endpoint.path, headers=github()))
        await client.answer()
        protocol = _protocol(at)
        since = protocol._idle_since
        await client.send(request(hook.endpoint.path + "?a=1", headers=github()))
        await client.answer()
        await until(lambda: protocol._idle_since > since)


async def test_an_upgrade_takes_its_connection_out_of_the_wait_for_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = await make()
    upgraded: list[bool] = []
    monkeypatch.setattr(PatientProtocol, "handle_websocket_upgrade", lambda _: upgraded.append(True))
    async with served() as at:
        client = await at.connect()
        await client.send(request(hook.endpoint.path, headers=github()))
        await client.answer()
        protocol = _protocol(at)
        timer = protocol._idle_timer
        await client.send(b"GET /ws/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        await until(lambda: bool(upgraded))
        assert timer is not None
        assert timer.cancelled()
        protocol.transport.close()
