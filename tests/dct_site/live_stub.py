"""A tiny server for browser tests: a page of fragments, the product scripts, a websocket that says what it is told."""

import asyncio
import json
import mimetypes
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

STATIC = Path(__file__).resolve().parents[2] / "dct_site" / "static"

Message = dict[str, Any]
Send = Callable[[Message], Any]


def fragment(name: str, body: str, topic: str, attributes: str = "") -> str:
    """A live fragment called ``name`` that fetches itself from ``/part/name``."""
    return (
        f'<div id="{name}" data-topic="{topic}" {attributes} hx-get="/part/{name}" hx-trigger="dct:changed"'
        f' hx-swap="morph:outerHTML">{body}</div>'
    )


class LiveStub:
    """Serves ``page`` at ``/`` under a strict policy, counts what is fetched, and keeps the sockets."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self.fetched: list[str] = []
        self.posted: list[tuple[str, str]] = []
        self.subscribed: list[Message] = []
        self.parts: dict[str, str] = {}
        self.answering = threading.Event()
        self.answering.set()
        self._sockets: set[Any] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(self._app, log_level="error", lifespan="off", ws="websockets-sansio", interface="asgi3")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server and wait until it is gone."""
        self._server.should_exit = True
        self._thread.join(10)

    def tell(self, *messages: Message) -> None:
        """Send messages to every open socket."""
        self._each(*({"type": "websocket.send", "text": json.dumps(message)} for message in messages))

    def drop(self) -> None:
        """Close every socket, as a restart of the server does."""
        self._each({"type": "websocket.close", "code": 1012})

    def _each(self, *messages: Message) -> None:
        async def send_all() -> None:
            for send in tuple(self._sockets):
                for message in messages:
                    await send(message)

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(send_all(), self._loop).result(5)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self._loop = asyncio.get_running_loop()
        if scope["type"] == "websocket":
            await self._socket(receive, send)
        else:
            await self._page(scope, receive, send)

    async def _socket(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self._sockets.add(send)
        while (message := await receive())["type"] != "websocket.disconnect":
            self.subscribed.append(json.loads(message["text"]))
        self._sockets.discard(send)

    async def _page(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        path, kind, code = scope["path"], "text/html; charset=utf-8", 200
        if scope["method"] == "POST":
            self.posted.append((path, body.decode()))
            answer, code = b"", 204
        elif path.startswith("/static/"):
            answer = (STATIC / path.removeprefix("/static/")).read_bytes()
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        elif path.startswith("/part/"):
            name = path.removeprefix("/part/")
            self.asked.append(name)
            await asyncio.to_thread(self.answering.wait, 30)
            self.fetched.append(name)
            answer = self.parts[name].encode()
        else:
            answer = self.page.encode()
        headers = [
            (b"content-type", kind.encode()),
            (b"content-security-policy", b"default-src 'self'; img-src 'self' data:"),
        ]
        await send({"type": "http.response.start", "status": code, "headers": headers})
        await send({"type": "http.response.body", "body": answer})
