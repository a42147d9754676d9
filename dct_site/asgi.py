"""The web process's ASGI application: the door in front, then static files, websockets, and Django for the rest."""

import os
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - the apps are ready only now

from dct_site.gate import GatedHandler  # noqa: E402
from dct_site.live.sockets import websocket_application  # noqa: E402
from dct_site.live.updates import follower  # noqa: E402
from dct_site.static_files import StaticFiles  # noqa: E402
from triggers.door.app import Door  # noqa: E402

django_application = GatedHandler()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Header = tuple[bytes, bytes]
Send = Callable[[Message], Awaitable[None]]

ALIVE = b'{"status": "alive"}'


class Application:
    """Sends each request to its room. What needs no Django (webhooks, static files, the sign of life) does not meet
    it.
    """

    def __init__(self) -> None:
        self.door = Door()
        self._static = StaticFiles()
        self._websockets = websocket_application()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        kind, path = scope["type"], scope.get("path", "")
        if kind == "lifespan":
            await self._live(receive, send)
        elif kind == "websocket":
            await self._websockets(scope, receive, send)
        elif path.startswith("/hooks/"):
            await self.door(scope, receive, send)
        elif path.startswith(settings.STATIC_URL):
            await self._static(scope, receive, send)
        elif path == "/healthz":
            await _answer(send, ALIVE)
        elif path == "/readyz":
            named = {**scope, "headers": _under_our_name(scope["headers"])}
            await django_application(named, receive, send)  # type: ignore[arg-type]
        else:
            await django_application(scope, receive, send)  # type: ignore[arg-type]

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start and end what lives as long as the process: the journal's follower and the door's writer."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await follower.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await follower.stop()
                await self.door.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _under_our_name(headers: Iterable[Header]) -> list[Header]:
    """A probe asks at an address: it knows no name of ours, and gets the same answer under each."""
    name = settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "localhost")
    return [(b"host", name.encode()), *(header for header in headers if header[0] != b"host")]


async def _answer(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = Application()
