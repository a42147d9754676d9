"""One shim is started ahead; whoever takes it gets one that lives, and nothing is left when it closes."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from dct_site.kernel.process.spares import Spares
from dct_site.kernel.process.spawn import ShimProcess
from tests.kernel.runs import async_until

pytestmark = pytest.mark.one_pass


def with_spares(use: Callable[[Spares], Awaitable[None]]) -> None:
    async def run() -> None:
        spares = Spares(fill_after=0.01)
        spares.open()
        try:
            await use(spares)
        finally:
            await spares.close()

    asyncio.run(run())


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ShimProcess]:
    """Every shim that is started, in order."""
    seen: list[ShimProcess] = []
    starting = ShimProcess.start

    async def start() -> ShimProcess:
        seen.append(await starting())
        return seen[-1]

    monkeypatch.setattr(ShimProcess, "start", start)
    return seen


def test_the_one_that_waits_is_taken_and_another_one_follows(started: list[ShimProcess]) -> None:
    async def use(spares: Spares) -> None:
        await async_until(lambda: len(started) == 1)
        taken = await spares.take()
        assert taken is started[0]
        await async_until(lambda: len(started) == 2)
        await taken.close()

    with_spares(use)
    assert not any(shim.is_running() for shim in started)


def test_a_burst_gets_shims_of_its_own_and_what_was_not_needed_waits_for_the_next(started: list[ShimProcess]) -> None:
    async def use(spares: Spares) -> None:
        first, second = await spares.take(), await spares.take()
        await spares.give_back(first)
        await spares.give_back(second)
        assert (first.is_running(), second.is_running()) == (True, False)
        assert await spares.take() is first
        await first.close()

    with_spares(use)
    assert not any(shim.is_running() for shim in started)


def test_one_that_was_killed_meanwhile_is_not_given_out(started: list[ShimProcess]) -> None:
    async def use(spares: Spares) -> None:
        await async_until(lambda: len(started) == 1)
        os.kill(started[0].identity.pid, signal.SIGKILL)
        await async_until(lambda: not started[0].is_running())
        taken = await spares.take()
        assert taken.is_running()
        await taken.close()

    with_spares(use)


def test_a_machine_without_room_for_a_spare_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    async def full() -> ShimProcess:
        tried.append(1)
        raise OSError("no more processes")

    monkeypatch.setattr(ShimProcess, "start", full)

    async def use(spares: Spares) -> None:
        await async_until(lambda: bool(tried))
        with pytest.raises(OSError, match="no more"):
            await spares.take()

    with_spares(use)


def test_what_comes_back_after_the_end_is_ended(started: list[ShimProcess]) -> None:
    async def use(spares: Spares) -> None:
        taken = await spares.take()
        await spares.close()
        await spares.give_back(taken)
        assert not taken.is_running()

    with_spares(use)
