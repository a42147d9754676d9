"""`./dct bench flood`: its figures, and clients that measure what they are answered and come again when thrown out."""

import asyncio
from pathlib import Path

import pytest

from dct_site.bench import flood_child
from dct_site.bench.flood import ATTACKS, COUNT, figures

pytestmark = pytest.mark.one_pass


def test_each_attack_stands_beside_the_figure_alone() -> None:
    found = {
        attack: [{"p50_ms": 1.0 * (at + 1), "p99_ms": 4.0 * (at + 1)} for _ in range(3)]
        for at, attack in enumerate(ATTACKS)
    }
    told = {figure.figure: figure for figure in figures(found)}
    assert set(told) == {f"{key}_{attack or 'alone'}" for key in ("p50", "p99") for attack in ATTACKS}
    assert (told["p99_alone"].value, told["p99_alone"].ratio) == (4.0, None)
    assert (told["p99_slow_bodies"].value, told["p99_slow_bodies"].ratio) == (12.0, 3.0)
    assert {figure.n for figure in told.values()} == {COUNT}


async def door(status: int, asked: "asyncio.Queue[bytes]", *, closes: bool = False) -> asyncio.Server:
    """Answers each request with a status; or hangs up on whoever begins one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked.put_nowait(await reader.readuntil(b"\r\n"))
                if closes:
                    return
                rest = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(rest.partition(b"Content-Length: ")[2].split(b"\r\n")[0]))
                writer.write(b"HTTP/1.1 %d \r\ncontent-length: 2\r\n\r\n{}" % status)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionResetError):
            return
        finally:
            writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def test_good_deliveries_are_counted_and_timed() -> None:
    asked: asyncio.Queue[bytes] = asyncio.Queue()
    async with await door(202, asked) as server:
        told = await flood_child.good(port_of(server), "x", 20, 2_000)
    assert (told["n"], asked.qsize()) == (20, 20)
    assert 0 < told["p50_ms"] <= told["p99_ms"]


async def test_one_that_is_turned_away_is_no_measurement() -> None:
    async with await door(503, asyncio.Queue()) as server:
        with pytest.raises(RuntimeError, match="answered 503"):
            await flood_child.good(port_of(server), "x", 8, 2_000)


ATTACKS_OF_CHILD = [
    flood_child.slow_headers,
    flood_child.slow_bodies,
    flood_child.slow_reads,
    flood_child.flood,
    flood_child.pages,
]


def test_there_is_a_client_for_each_attack() -> None:
    assert {one.__name__ for one in ATTACKS_OF_CHILD} == set(ATTACKS) - {""}


def test_what_slow_readers_ask_for_is_there_and_more_than_a_window_holds() -> None:
    file = Path(flood_child.__file__).parents[1] / flood_child.LARGE.lstrip("/")
    assert file.stat().st_size > 200_000


KNOWN = {b"/hooks/x", b"/hooks/no-such-webhook", b"/login/", flood_child.LARGE.encode()}


async def test_a_slow_reader_leaves_most_of_an_answer_with_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood_child, "SLOW", 1)
    stuck = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=0)
        try:
            for _ in range(400):
                writer.write(b"x" * 100_000)
                async with asyncio.timeout(0.5):
                    await writer.drain()
        except TimeoutError:
            stuck.set()
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        task = asyncio.ensure_future(flood_child.slow_reads(port_of(server), "x"))
        async with asyncio.timeout(10):
            await stuck.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("attack", ATTACKS_OF_CHILD)
async def test_who_is_thrown_out_comes_again(attack: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood_child, "SLOW", 2)
    monkeypatch.setattr(flood_child, "FLOODING", 2)
    monkeypatch.setattr(flood_child, "ASKING", 2)
    monkeypatch.setattr(flood_child, "EVERY_S", 0.001)
    asked: asyncio.Queue[bytes] = asyncio.Queue()
    async with await door(0, asked, closes=True) as server:
        task = asyncio.ensure_future(attack(port_of(server), "x"))  # type: ignore[operator]
        async with asyncio.timeout(10):
            seen = {await asked.get() for _ in range(6)}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert {line.split()[1] for line in seen} <= KNOWN
