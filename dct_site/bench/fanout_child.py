"""Processes of `bench fanout`: `listen URL TOKEN CLIENTS CHANGES` opens the websockets, says `ready`, and when each has
heard of every change tells how; `bare FD` is the bare ASGI fan-out that it is compared with.

The bare one signs nobody in and looks at no right: what is posted to it goes to every socket as it is.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import uvicorn
from websockets.asyncio.client import ClientConnection, connect

OPENED_AT_ONCE = 25
SILENT_AFTER_S = 60.0


class Listener:
    """One socket: when each change was heard, and whether the numbers of its messages have a gap."""

    def __init__(self) -> None:
        self.late_ms: dict[int, float] = {}
        self.twice = 0
        self.gaps = 0
        self._seq: int | None = None
        self.last_at = 0.0

    def hear(self, raw: str | bytes, now: datetime) -> None:
        message = json.loads(raw)
        seq = message.get("seq")
        if isinstance(seq, int):
            self.gaps += self._seq is not None and seq != self._seq + 1
            self._seq = seq
        if message.get("type") != "status":
            self.gaps += message.get("type") == "resync"
            return
        self.twice += message["id"] in self.late_ms
        self.late_ms[message["id"]] = (now - datetime.fromisoformat(message["at"])).total_seconds() * 1000
        self.last_at = now.timestamp()


async def listen(url: str, token: str, clients: int, changes: int) -> dict[str, Any]:
    """Have every client hear of so many changes; what they heard together."""
    listeners = [Listener() for _ in range(clients)]
    async with contextlib.AsyncExitStack() as stack:
        sockets: list[ClientConnection] = []
        for at in range(0, clients, OPENED_AT_ONCE):
            some = (_open(stack, url, token) for _ in listeners[at : at + OPENED_AT_ONCE])
            sockets += await asyncio.gather(*some)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        pairs = zip(listeners, sockets, strict=True)
        await asyncio.gather(*(_hear_all(listener, socket, changes) for listener, socket in pairs))
    return summed_up(listeners, changes)


def summed_up(listeners: list[Listener], changes: int) -> dict[str, Any]:
    """Messages in all, how late they were, the time of the last, and clients that are wrong about anything."""
    late = [one for listener in listeners for one in listener.late_ms.values()] or [0.0, 0.0]
    wrong = sum(len(one.late_ms) != changes or one.twice > 0 or one.gaps > 0 for one in listeners)
    told = quantiles(late, n=100)
    return {
        "heard": sum(len(one.late_ms) for one in listeners),
        "p50_ms": told[49],
        "p99_ms": told[98],
        "last_at": max(one.last_at for one in listeners),
        "wrong": wrong,
    }


async def _open(stack: contextlib.AsyncExitStack, url: str, token: str) -> ClientConnection:
    socket = await stack.enter_async_context(connect(url, compression=None, open_timeout=60))
    await socket.send(json.dumps({"type": "auth", "token": token}))
    await socket.recv()
    await socket.send(json.dumps({"type": "subscribe", "topics": ["executions"]}))
    await socket.send(json.dumps({"type": "ping"}))
    await socket.recv()  # what it was told before, it has done
    return socket


async def _hear_all(listener: Listener, socket: ClientConnection, changes: int) -> None:
    with contextlib.suppress(TimeoutError):
        while len(listener.late_ms) < changes:
            async with asyncio.timeout(SILENT_AFTER_S):
                raw = await socket.recv()
            listener.hear(raw, datetime.now(UTC))


class Bare:
    """A fan-out that does nothing else: each POST's body goes to every socket."""

    def __init__(self) -> None:
        self._sends: set[Callable[[Any], Awaitable[None]]] = set()
        self._number = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._socket(receive, send)
        elif scope["type"] == "http":
            await self._say((await receive())["body"])
            await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"{}"})

    async def _socket(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self._sends.add(send)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if json.loads(message["text"])["type"] != "subscribe":
                    await send({"type": "websocket.send", "text": '{"type": "pong"}'})
        finally:
            self._sends.discard(send)

    async def _say(self, body: bytes) -> None:
        self._number += 1
        message = {**json.loads(body), "type": "status", "id": self._number, "at": datetime.now(UTC).isoformat()}
        text = {"type": "websocket.send", "text": json.dumps(message)}
        for send in list(self._sends):
            await send(text)


def main(words: list[str]) -> None:
    if words[0] == "listen":
        url, token, clients, changes = words[1:]
        told = asyncio.run(listen(url, token, int(clients), int(changes)))
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        uvicorn.run(Bare(), fd=int(words[1]), log_level="error", lifespan="off", ws="websockets-sansio")


if __name__ == "__main__":
    main(sys.argv[1:])
