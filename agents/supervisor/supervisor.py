"""The supervisor: claims agents whose slot is held, runs them, reaps what others left, and lets go when DCT ends."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog
from django.db import connection

from agents.services import runs, settle_intents
from agents.services.arbitrate import Action
from agents.services.batches import Batch, store
from agents.services.intents import agents_with_wishes, stop_intent_of, wisher_of
from agents.services.reaping import reap
from agents.services.resume import wish_for_orphans
from agents.supervisor.run import Run, Surroundings
from agents.supervisor.threads import Threads
from agents.supervisor.timing import Timing
from agents.supervisor.writer import Writer
from dct_site.kernel import clock
from dct_site.kernel.about import about
from dct_site.kernel.process.sandbox import SandboxLevel, detect
from dct_site.kernel.process.spares import Spares
from dct_site.kernel.process.spawn import ShimProcess

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 5.0


def database_clock() -> datetime:
    """The clock that leases are compared by. Called in a thread with a connection."""
    return clock.db_now(connection)


class Supervisor:
    """``owner`` names this supervisor in leases; ``data_dir`` is hidden from every run but for its workspace."""

    def __init__(
        self,
        owner: str,
        data_dir: Path,
        *,
        timing: Timing | None = None,
        now: Callable[[], datetime] = database_clock,
        level: SandboxLevel | None = None,
        max_runs: int = 200,
    ) -> None:
        self.owner = owner
        self._timing = timing or Timing()
        self._now = now
        self._level = level
        self._data_dir = data_dir
        self._max_runs = max_runs
        self._runs: dict[int, tuple[Run, asyncio.Task[None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._reaping: asyncio.Task[None] | None = None
        self._spares = Spares()

    def wake(self) -> None:
        """Look for work now; from any thread, harmless at any time."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._woken.set)

    async def run_forever(self, stop: asyncio.Event | threading.Event) -> None:
        """Until ``stop`` is set (then also ``wake()``, to be heard at once); leaves no process behind."""
        self._loop = asyncio.get_running_loop()
        threads = Threads()
        writer = Writer(self._store, self._timing)
        level = await asyncio.to_thread(detect) if self._level is None else self._level
        self._around = Surroundings(self.owner, self._data_dir, self._timing, self._now, threads, writer, level)
        writing = asyncio.create_task(writer.run(), name="dct-writer")
        self._spares = Spares()
        self._spares.open()
        log.info("supervisor_started", owner=self.owner, sandbox=str(level))
        try:
            await self._serve(stop)
        finally:
            await self._let_go_of_all()
            await self._spares.close()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            if self._reaping is not None:
                await asyncio.gather(self._reaping, return_exceptions=True)
            await threads.close()
            self._loop = None
            log.info("supervisor_ended", owner=self.owner)

    async def _serve(self, stop: asyncio.Event | threading.Event) -> None:
        failures = 0
        next_reap = 0.0
        while not stop.is_set():
            self._woken.clear()
            try:
                loop_time = asyncio.get_running_loop().time()
                if loop_time >= next_reap and (self._reaping is None or self._reaping.done()):
                    next_reap = loop_time + self._timing.reap
                    self._reaping = asyncio.create_task(self._reap())
                await self._settle_wishes()
                await self._claim()
                failures = 0
            except Exception:  # the edge of a worker's loop: a database that is away comes back
                failures += 1
                log.exception("supervisor_failed", owner=self.owner, failures=failures)
            pause = self._timing.sweep if not failures else min(LONGEST_PAUSE, self._timing.sweep * 2**failures)
            try:
                await asyncio.wait_for(self._woken.wait(), pause)
            except TimeoutError:
                continue

    # One pass

    async def _claim(self) -> None:
        """Start runs for pending agents that hold a slot."""
        room = self._max_runs - len(self._runs)
        if room <= 0:
            return
        for agent_id in await self._around.threads.database(self._startable, room):
            shim = await self._spares.take()
            try:
                claim = await self._around.threads.database(self._claimed, agent_id, shim)
            except BaseException:
                await shim.close()
                raise
            if claim is None:
                await self._spares.give_back(shim)
            else:
                self._begin(claim, shim)

    def _startable(self, room: int) -> list[int]:
        return list(runs.startable(self._now()).values_list("pk", flat=True)[:room])

    def _claimed(self, agent_id: int, shim: ShimProcess) -> runs.Claim | None:
        return runs.claim(
            agent_id,
            owner=self.owner,
            now=self._now(),
            lease=self._around.lease,
            process=shim.identity,
            sandbox=str(self._around.level),
        )

    def _begin(self, claim: runs.Claim, shim: ShimProcess) -> None:
        run = Run(self._around, claim, shim)
        with about(claim.refs, agent=claim.agent_id, run=claim.run_id):  # the task takes it along
            task = asyncio.create_task(run.supervise(), name=f"dct-run-{claim.run_id}")
        self._runs[claim.agent_id] = (run, task)
        task.add_done_callback(lambda _: self._ended(claim.agent_id, run))

    def _ended(self, agent_id: int, run: Run) -> None:
        held = self._runs.get(agent_id)
        if held is not None and held[0] is run:
            del self._runs[agent_id]
        self._woken.set()  # it may have to run again at once

    async def _settle_wishes(self) -> None:
        for agent_id in await self._around.threads.database(agents_with_wishes):
            held = self._runs.get(agent_id)
            takes_messages = held is not None and held[0].takes_messages
            action = await self._around.threads.side(
                lambda agent_id=agent_id, takes=takes_messages: settle_intents.settle(
                    agent_id, now=self._now(), takes_messages=takes
                )
            )
            if held is None:
                continue
            if action is Action.STOP_RUN:
                intent = await self._around.threads.database(stop_intent_of, agent_id)
                if intent is not None:
                    await held[0].stop(reason=intent.reason, by=wisher_of(intent))
            elif action is Action.TELL:
                await held[0].tell()

    async def _reap(self) -> None:
        """Beside the loop: killing what others left may take seconds, and renewals must go on."""
        try:
            found = await self._around.threads.side(lambda: reap(now=self._now()))
            found += await self._around.threads.side(lambda: wish_for_orphans(now=self._now()))
        except Exception:
            log.exception("reaping_failed", owner=self.owner)
            return
        if found:
            self._woken.set()

    async def _store(self, batches: dict[int, Batch]) -> set[int]:
        return await self._around.threads.database(
            lambda: store(batches, owner=self.owner, now=self._now(), lease=self._around.lease)
        )

    async def _let_go_of_all(self) -> None:
        """End every process; its agent is queued again. What takes too long is left to its lease."""
        held = list(self._runs.values())
        await asyncio.gather(*(run.shut_down() for run, _ in held), return_exceptions=True)
        tasks = [task for _, task in held]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._timing.shutdown)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
