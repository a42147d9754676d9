"""Drives the door as an ASGI server would, without a network."""

import json
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from accounts.actor import Actor
from accounts.enums import Source, Via
from dct_site.kernel.clock import utcnow
from tests.factories.accounts import make_user
from triggers.door.app import Door
from triggers.door.verify import sign
from triggers.services.endpoints import Created, create_webhook_connection

SECRET = "It's a Secret to Everybody"
BODY = b'{"action": "opened", "number": 1}'


@dataclass
class Answered:
    """What the door sent back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def value(self) -> Any:
        return json.loads(self.body)


def make_hook(source: Source = Source.GITHUB, **over: Any) -> Created:
    """A webhook connection with an endpoint, a listener and the secret SECRET."""
    owner = over.pop("owner", None) or make_user()
    values = {"name": f"hook-{secrets.token_hex(4)}", "secret": SECRET, "now": utcnow(), **over}
    return create_webhook_connection(source=source, owner=owner, by=Actor.person(owner, Via.CLI), **values)


@asynccontextmanager
async def open_door(**over: Any) -> AsyncIterator[Door]:
    """A door that is closed at the end, so that no thread or session outlives the test."""
    door = Door(**over)
    try:
        yield door
    finally:
        await door.close()


async def post(
    door: Door,
    path: str,
    body: bytes | Iterable[bytes] = BODY,
    headers: Mapping[str, str | bytes] | None = None,
    *,
    method: str = "POST",
    declares_length: bool = True,
) -> Answered:
    """One request; a body given as parts arrives part by part."""
    parts = [body] if isinstance(body, bytes) else list(body)
    pairs = [(name.lower().encode(), _bytes(value)) for name, value in (headers or {}).items()]
    if declares_length and "content-length" not in {name.lower() for name in headers or {}}:
        pairs.append((b"content-length", str(sum(map(len, parts))).encode()))
    queue = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]
    answered = Answered()

    async def receive() -> MutableMapping[str, Any]:
        return queue.pop(0) if queue else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answered.body += message["body"]

    await door({"type": "http", "method": method, "path": f"/hooks/{path}", "headers": pairs}, receive, send)
    return answered


def github(
    body: bytes = BODY, *, key: str | None = None, secret: str = SECRET, event: str = "pull_request"
) -> dict[str, str]:
    """The headers GitHub sends with ``body``."""
    return {
        "X-Hub-Signature-256": sign(secret.encode(), body),
        "X-GitHub-Delivery": key or secrets.token_hex(16),
        "X-GitHub-Event": event,
        "Content-Type": "application/json",
    }


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")
