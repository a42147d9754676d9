"""The writer: one transaction for all runs, back-pressure, refusals, a database that is away."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agents.enums import MessageKind
from agents.runtimes import Message
from agents.services.batches import Batch
from agents.supervisor.timing import Timing
from agents.supervisor.writer import Entry, Writer

pytestmark = pytest.mark.one_pass
QUICK = Timing(flush=0.01, flush_bytes=100, hold_bytes=200, renew=3600.0)


class Store:
    """Remembers batches; refuses the runs it is told to; fails as often as it is told to."""

    def __init__(self) -> None:
        self.batches: list[dict[int, Batch]] = []
        self.refuse: set[int] = set()
        self.failures = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, batches: dict[int, Batch]) -> set[int]:
        await self.open.wait()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database is away")
        self.batches.append(batches)
        return self.refuse & set(batches)


def entry(renewed: list[float] | None = None, refused: list[bool] | None = None) -> Entry:
    async def on_renewed(seconds: float) -> None:
        (renewed if renewed is not None else []).append(seconds)

    async def on_refused() -> None:
        (refused if refused is not None else []).append(True)

    return Entry(renewed=on_renewed, refused=on_refused)


def run(work: Callable[[Writer, Store], Awaitable[None]], timing: Timing = QUICK) -> Store:
    async def go() -> Store:
        store = Store()
        writer = Writer(store, timing)
        writing = asyncio.create_task(writer.run())
        try:
            await asyncio.wait_for(work(writer, store), 10)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return store

    return asyncio.run(go())


async def until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds; `run` bounds how long that may take."""
    while not condition():  # noqa: ASYNC110 - what is waited for is plain data
        await asyncio.sleep(0.01)


def text(value: str) -> Message:
    return Message(MessageKind.TEXT, value)


def texts(store: Store, run_id: int) -> list[str]:
    return [message.text for batch in store.batches for message in batch.get(run_id, Batch()).messages]


def test_runs_share_a_transaction_and_keep_their_order() -> None:
    async def work(writer: Writer, store: Store) -> None:
        store.open.clear()
        for run_id in (1, 2):
            writer.add_run(run_id, entry())
            for value in ("a", "b"):
                await writer.add(run_id, [text(value)], 1)
        store.open.set()
        await asyncio.gather(writer.drain(1), writer.drain(2))

    store = run(work)
    assert (texts(store, 1), texts(store, 2)) == (["a", "b"], ["a", "b"])
    assert any(set(batch) == {1, 2} for batch in store.batches)


def test_a_run_that_says_too_much_waits_for_the_database() -> None:
    async def work(writer: Writer, store: Store) -> None:
        writer.add_run(1, entry())
        store.open.clear()
        saying = asyncio.create_task(writer.add(1, [text("x")], 500))
        await asyncio.sleep(0.05)
        assert not saying.done()
        store.open.set()
        await saying

    run(work)


def test_nothing_is_lost_or_doubled_while_the_database_is_away() -> None:
    async def work(writer: Writer, store: Store) -> None:
        store.failures = 3
        writer.add_run(1, entry())
        for value in "abc":
            await writer.add(1, [text(value)], 1)
        await until(lambda: texts(store, 1) == ["a", "b", "c"])

    run(work)


def test_a_refused_run_is_told_and_forgotten() -> None:
    refused: list[bool] = []

    async def work(writer: Writer, store: Store) -> None:
        store.refuse = {1}
        writer.add_run(1, entry(refused=refused))
        await writer.add(1, [text("late")], 1)
        await writer.drain(1)
        await writer.add(1, [text("later still")], 10_000)

    store = run(work)
    assert refused == [True]
    assert texts(store, 1) == ["late"]


def test_a_silent_run_is_renewed_too() -> None:
    renewed: list[float] = []

    async def work(writer: Writer, store: Store) -> None:
        writer.add_run(1, entry(renewed=renewed))
        await until(lambda: len(renewed) >= 2)

    run(work, replace(QUICK, renew=0.02, lease=15.0))
    assert all(14.0 < seconds <= 15.0 for seconds in renewed)


def test_dropping_a_run_lets_go_of_who_waits_for_it() -> None:
    async def work(writer: Writer, store: Store) -> None:
        writer.add_run(1, entry())
        store.open.clear()
        saying = asyncio.create_task(writer.add(1, [text("x")], 500))
        await asyncio.sleep(0.02)
        writer.drop_run(1)
        writer.drop_run(1)
        await saying
        store.open.set()

    run(work)
