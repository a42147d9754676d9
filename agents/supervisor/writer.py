"""Collects what all runs say and stores it in one transaction at a time, which renews their leases too."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from agents.runtimes import Message
from agents.services.batches import Batch
from agents.supervisor.timing import Timing
from dct_site.kernel.process.frames import boot_clock

log = structlog.get_logger(__name__)

Store = Callable[[dict[int, Batch]], Awaitable[set[int]]]


@dataclass
class Entry:
    """One run in the writer: what is not stored yet, and what to do when it was renewed or refused."""

    renewed: Callable[[float], Awaitable[None]]
    refused: Callable[[], Awaitable[None]]
    messages: list[Message] = field(default_factory=list)
    held: int = 0
    output: int = 0
    checkpoint: Mapping[str, Any] | None = None
    renewed_at: float = field(default_factory=boot_clock)
    room: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def has_news(self) -> bool:
        """Whether there is something to store."""
        return bool(self.messages) or self.checkpoint is not None


class Writer:
    """``store`` is the transaction; it answers with the runs that were refused."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self._store = store
        self._timing = timing
        self._entries: dict[int, Entry] = {}
        self._wanted = asyncio.Event()
        self._writing = asyncio.Lock()

    def add_run(self, run_id: int, entry: Entry) -> None:
        """Store and renew this run from now on."""
        entry.room.set()
        self._entries[run_id] = entry

    def drop_run(self, run_id: int) -> None:
        """Forget a run: nothing of it is stored or renewed any more."""
        entry = self._entries.pop(run_id, None)
        if entry is not None:
            entry.room.set()

    async def add(
        self, run_id: int, messages: Sequence[Message], size: int, *, checkpoint: Mapping[str, Any] | None = None
    ) -> None:
        """Take messages of ``size`` bytes, and what a later run goes on from; waits while the run has more unstored
        than it may (back-pressure).
        """
        entry = self._entries.get(run_id)
        if entry is None:
            return
        entry.messages.extend(messages)
        entry.checkpoint = entry.checkpoint if checkpoint is None else checkpoint
        entry.held += size
        entry.output += size
        if entry.held >= self._timing.flush_bytes:
            self._wanted.set()
        if entry.held >= self._timing.hold_bytes:
            entry.room.clear()
            await entry.room.wait()

    async def drain(self, run_id: int) -> None:
        """Return when everything the run said is stored (or was refused)."""
        while (entry := self._entries.get(run_id)) is not None and entry.has_news:
            await self.flush()

    async def run(self) -> None:
        """Store and renew until cancelled. A database that does not answer is tried again: leases decide who lives."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), self._timing.flush)
            self._wanted.clear()
            try:
                await self.flush()
            except Exception:  # the edge of a worker's loop; the messages are still here
                log.exception("messages_not_stored", runs=len(self._entries))
                await asyncio.sleep(self._timing.flush)

    async def flush(self) -> None:
        """One transaction for all runs that said something or whose lease is due."""
        async with self._writing:
            due = self._due()
            if not due:
                return
            taken = {
                run_id: (Batch(list(entry.messages), entry.output, entry.checkpoint), entry.held)
                for run_id, entry in due.items()
            }
            asked_at = boot_clock()
            began = time.monotonic()
            refused = await self._store({run_id: batch for run_id, (batch, _) in taken.items()})
            for run_id, (batch, held) in taken.items():
                entry = due[run_id]
                del entry.messages[: len(batch.messages)]
                entry.held -= held
                entry.output -= batch.output_bytes
                entry.checkpoint = None if entry.checkpoint is batch.checkpoint else entry.checkpoint
                entry.room.set()
        log.debug("messages_stored", runs=len(taken), seconds=round(time.monotonic() - began, 4))
        for run_id, entry in due.items():
            if run_id in refused:
                self.drop_run(run_id)
                await entry.refused()
            else:
                entry.renewed_at = asked_at
                await entry.renewed(self._timing.lease - (boot_clock() - asked_at))

    def _due(self) -> dict[int, Entry]:
        now = boot_clock()
        renew_all = any(now - entry.renewed_at >= self._timing.renew for entry in self._entries.values())
        return {run_id: entry for run_id, entry in self._entries.items() if renew_all or entry.has_news}
