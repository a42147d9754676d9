"""A door behind uvicorn in a process of its own, for tests that cut connections or kill it: prints its port, serves."""

import asyncio
import os
import socket
import sys
from functools import partial
from typing import Any

import django
import uvicorn

from dct_site import interpreter


async def serve() -> None:
    """Serve until killed."""
    from triggers.door.app import Door  # noqa: PLC0415 - models are there only after the set-up
    from triggers.door.straight import StraightProtocol  # noqa: PLC0415

    StraightProtocol.header_deadline_s = float(os.environ.get("HEADER_DEADLINE_S", "10"))
    door = Door(body_deadline_s=float(os.environ.get("BODY_DEADLINE_S", "10")))
    listener = socket.create_server(("127.0.0.1", 0))
    protocol: Any = partial(StraightProtocol, door=door)
    server = uvicorn.Server(uvicorn.Config(door, http=protocol, lifespan="off", log_level="warning"))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve(sockets=[listener])
    await door.close()


if __name__ == "__main__":
    interpreter.take_short_turns()
    django.setup()
    asyncio.run(serve())
