"""The clients of `bench flood`, in processes of their own: `good PORT PATH COUNT RATE` prints what it measured as JSON;
`slow_headers`, `slow_bodies`, `slow_reads`, `flood` and `pages PORT PATH` print a line when they are
under way, until killed.
"""

import asyncio
import hmac
import json
import secrets
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from dct_site.bench.intake_load import SECRET

SLOW, FLOODING, ASKING, GOOD = 400, 32, 200, 4
EVERY_S = 1.0
LARGE, SIP = "/static/dct/vendor/bootstrap/bootstrap.min.css", 32
BODY = json.dumps({"action": "opened", "text": "x" * 6_000}).encode()
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def head(path: str, *lines: str, length: int = len(BODY)) -> bytes:
    """The head of a POST to a webhook."""
    told = [f"POST /hooks/{path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *lines]
    return ("\r\n".join(told) + "\r\n\r\n").encode()


async def answer_of(reader: asyncio.StreamReader) -> int:
    """The status of one answer, read to its end. Raises IncompleteReadError where there is none."""
    told = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(told.partition(b"content-length: ")[2].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(told.split()[1])


async def good(port: int, path: str, count: int, rate: float) -> dict[str, float]:
    """Signed deliveries at a pace; how long each waited from when it was due. Raises RuntimeError for one that was
    turned away.
    """
    signature = "sha256=" + hmac.digest(SECRET.encode(), BODY, "sha256").hex()
    waited: list[float] = []
    began = time.perf_counter() + 0.2

    async def some(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for number in range(first, count, GOOD):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                lines = (f"X-Hub-Signature-256: {signature}", f"X-GitHub-Delivery: {secrets.token_hex(8)}")
                writer.write(head(path, *lines) + BODY)
                status = await answer_of(reader)
                if status != 202:
                    raise RuntimeError(f"answered {status}")
                waited.append(time.perf_counter() - due)
        finally:
            writer.close()

    await asyncio.gather(*(some(first) for first in range(GOOD)))
    cuts = statistics.quantiles(waited, n=100)
    return {"p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "n": len(waited)}


async def slow_headers(port: int, path: str) -> None:
    """A line of a header a second, for ever."""
    beginning = f"POST /hooks/{path} HTTP/1.1\r\nHost: x\r\n".encode()
    await _again_and_again(SLOW, lambda: _drip(port, beginning, b"X-More: of it\r\n"))


async def slow_bodies(port: int, path: str) -> None:
    """A byte of a body a second, for ever."""
    await _again_and_again(SLOW, lambda: _drip(port, head(path), b"{"))


async def _drip(port: int, beginning: bytes, drop: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(beginning)
        while not reader.at_eof():
            await asyncio.sleep(EVERY_S)
            writer.write(drop)
            await writer.drain()
    finally:
        writer.close()


async def slow_reads(port: int, _: str) -> None:
    """A large answer in small pieces, for ever."""
    loop = asyncio.get_running_loop()

    async def one() -> None:
        with socket.socket() as sock:
            sock.setblocking(False)
            # The smallest that the system gives: what is not read stays with the sender.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            await loop.sock_sendall(sock, f"GET {LARGE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            while True:
                if not await loop.sock_recv(sock, SIP):
                    return
                await asyncio.sleep(EVERY_S)

    await _again_and_again(SLOW, one)


async def flood(port: int, path: str) -> None:
    """Unsigned bodies as fast as they are turned away."""

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while True:
                for there in (path, "no-such-webhook"):
                    writer.write(head(there) + BODY)
                    await answer_of(reader)
        finally:
            writer.close()

    await _again_and_again(FLOODING, one)


async def pages(port: int, _: str) -> None:
    """A page that everybody may see, on a new connection each time, as fast as it comes."""

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            await reader.read()
        finally:
            writer.close()

    await _again_and_again(ASKING, one)


async def _again_and_again(count: int, one: Callable[[], Awaitable[None]]) -> None:
    """So many clients at once, each followed by the next when it is thrown out."""

    async def clients() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await one()

    tasks = [asyncio.ensure_future(clients()) for _ in range(count)]
    await asyncio.sleep(1.0)
    sys.stdout.write("under way\n")
    sys.stdout.flush()
    await asyncio.gather(*tasks)


def main(words: list[str]) -> None:
    what, port, path, *rest = words
    if what == "good":
        sys.stdout.write(json.dumps(asyncio.run(good(int(port), path, int(rest[0]), float(rest[1])))))
        return
    attacks = (slow_headers, slow_bodies, slow_reads, flood, pages)
    attack = {one.__name__: one for one in attacks}[what]
    asyncio.run(attack(int(port), path))


if __name__ == "__main__":
    main(sys.argv[1:])
