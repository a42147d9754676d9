"""Whoever reads slowly leaves what is not read where it costs nothing: not copied into the kernel."""

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from dct_site import web
from triggers.door import protocol
from triggers.door.protocol import MOST_UNSENT_BYTES

pytestmark = pytest.mark.one_pass

PIECE = b"x" * (16 * 1024)
PIECES = 2_000


async def taken_from(how_long: float = 0.5) -> int:
    """How many bytes of an answer the server gets rid of while its client reads none of them."""
    taken = 0

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        nonlocal taken
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(PIECES):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            taken += len(PIECE)

    server = uvicorn.Server(web.configured(answer, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, listener.getsockname())
        await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        before = -1
        while taken != before:
            before = taken
            await asyncio.sleep(how_long)
        found = taken  # What comes when the client is gone is thrown away.
        client.close()
        server.should_exit = True
        await serving
    return found


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="only where the kernel can be told")
async def test_of_an_answer_that_nobody_reads_the_kernel_takes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    # Half of it waits in the process, as much as asyncio lets wait.
    limit = 4 * MOST_UNSENT_BYTES
    assert 0 < await taken_from() < limit
    monkeypatch.setattr(protocol, "_keep_little_in_the_kernel", lambda transport: None)
    assert await taken_from() > limit
