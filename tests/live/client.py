"""A websocket client for tests, straight on the ASGI application (channels' own asks for a second server to be
installed).
"""

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator

# asgiref's communicator has no type hints.
Communicator: Any = ApplicationCommunicator


class Socket(Communicator):  # type: ignore[misc]
    """One connection to ``path``."""

    def __init__(self, application: Any, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}
        super().__init__(application, {**scope, "scheme": "ws"})

    async def connect(self) -> tuple[bool, int | None]:
        """(whether it was accepted, the close code where it was not)."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(5)
        if answer["type"] == "websocket.accept":
            return True, None
        return False, answer.get("code")

    async def send_text(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def say(self, message: dict[str, Any]) -> None:
        await self.send_text(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """The next message; fails where the connection is closed instead."""
        answer = await self.receive_output(5)
        assert answer["type"] == "websocket.send", answer
        heard: dict[str, Any] = json.loads(answer["text"])
        return heard

    async def closed(self) -> int:
        """The code that the connection is closed with."""
        answer = await self.receive_output(5)
        assert answer["type"] == "websocket.close", answer
        code: int = answer["code"]
        return code

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)
