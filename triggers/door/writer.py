"""The door's one writer: a thread that commits whatever waits, together, before anybody is answered.

Batches are natural: what arrived while the last commit was under way goes into the next one, and nothing waits for
company. What one round of the event loop brought is handed over together: a thread that is woken for each request
fights the event loop for Python's lock. Each batch reads the generation it commits under; where that moved, every
request in it is verified again.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.wake import Topic, poke
from triggers.door.answers import Problem, not_found, unavailable
from triggers.door.endpoints import Endpoints, Snapshot, Unreadable
from triggers.door.store import Broken, Refused, Store
from triggers.door.verify import Headers, refusal_of
from triggers.enums import Refusal
from triggers.services.intake import Incoming, Receipt, look, store

MOST = 500
_ROUNDS = 5
log = structlog.get_logger(__name__)

Answer = Receipt | Problem | Refusal
"""Stored, to be answered with a problem, or to be rejected for a reason that verifying again brought to light."""


@dataclass(slots=True)
class Waiting:
    """A verified request that waits for its commit. ``incoming.generation`` is what it was verified under."""

    path: str
    headers: Headers
    incoming: Incoming
    answered: "asyncio.Future[Answer]"
    answer: Answer | None = None


class Writer:
    """``submit`` on the event loop; the thread answers there, once per batch."""

    def __init__(self, own: Store, endpoints: Endpoints, now: Callable[[], datetime]) -> None:
        self.batches = 0
        self._store = own
        self._endpoints = endpoints
        self._now = now
        self._round: list[Waiting] = []
        self._handed: queue.SimpleQueue[list[Waiting] | None] = queue.SimpleQueue()
        self._taken: list[Waiting] = []
        self._is_closing = False
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="door-writer", daemon=True)
        self._thread.start()

    async def submit(self, path: str, headers: Headers, incoming: Incoming) -> Answer:
        """Wait for the commit. A request whose client goes away is stored all the same."""
        waiting = Waiting(path, headers, incoming, self._loop.create_future())
        if not self._round:
            self._loop.call_soon(self._hand_over)
        self._round.append(waiting)
        return await waiting.answered

    async def close(self) -> None:
        """Commit what waits and end the thread."""
        self._hand_over()
        self._handed.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    def _hand_over(self) -> None:
        handed, self._round = self._round, []
        self._handed.put(handed)

    def _run(self) -> None:
        is_open = True
        while is_open and (batch := self._next_batch()):
            self.batches += 1
            try:
                self._commit(batch)
            except Exception:
                log.exception("door.batch_failed", count=len(batch))
            try:
                self._loop.call_soon_threadsafe(_tell, batch)
            except RuntimeError:
                is_open = False  # the event loop is gone, and with it everybody who waited
        self._store.close()
        self._endpoints.leave_thread()

    def _next_batch(self) -> list[Waiting]:
        """At most MOST of those that wait, in order; none when the writer is closed and nobody waits any more."""
        try:
            while len(self._taken) < MOST and not self._is_closing:
                handed = self._handed.get(block=not self._taken)
                self._is_closing = handed is None
                self._taken += handed or []
        except queue.Empty:
            pass
        batch, self._taken = self._taken[:MOST], self._taken[MOST:]
        return batch

    def _commit(self, batch: Sequence[Waiting]) -> None:
        """Give everyone in the batch an answer; a batch that the database refuses is halved until the culprit stands
        alone.
        """
        try:
            self._commit_verified(batch)
        except (*Broken, Unreadable) as error:
            log.warning("door.database_away", count=len(batch), error=str(error))
            _answer(batch, unavailable())
        except Refused as error:
            if len(batch) == 1:
                log.warning("door.not_storable", error=str(error))
                _answer(batch, Refusal.NOT_UNDERSTOOD)
                return
            half = len(batch) // 2
            self._commit([one for one in batch[:half] if one.answer is None])
            self._commit([one for one in batch[half:] if one.answer is None])

    def _commit_verified(self, batch: Sequence[Waiting]) -> None:
        for _ in range(_ROUNDS):
            left = [waiting for waiting in batch if waiting.answer is None]
            if not left or self._committed(left):
                return
            self._verify_again(left, self._endpoints.load())
        _answer(batch, unavailable("The webhook is being changed. Send it again later."))

    def _committed(self, batch: Sequence[Waiting]) -> bool:
        """Store the batch, unless the generation is another one than it was verified under."""
        with self._store.writing() as sql:
            incoming = [waiting.incoming for waiting in batch]
            looked = look(sql, incoming)
            if any(one.generation != looked.generation for one in incoming):
                return False
            receipts = store(sql, incoming, looked)
            crashpoint("door.before_commit")
        crashpoint("door.after_commit")
        for waiting, receipt in zip(batch, receipts, strict=True):
            waiting.answer = receipt
        poke(Topic.DECIDE)
        return True

    def _verify_again(self, batch: Sequence[Waiting], snapshot: Snapshot) -> None:
        for waiting in batch:
            endpoint = snapshot.by_path.get(waiting.path)
            if endpoint is None or endpoint.id != waiting.incoming.endpoint_id:
                waiting.answer = not_found()
                continue
            now = self._now()
            refusal = refusal_of(endpoint, endpoint.live_secrets(now), waiting.headers, waiting.incoming.body, now)
            if refusal is not None:
                waiting.answer = refusal
            else:
                waiting.incoming = replace(waiting.incoming, generation=snapshot.generation)


def _answer(batch: Sequence[Waiting], answer: Answer) -> None:
    for waiting in batch:
        if waiting.answer is None:
            waiting.answer = answer


def _tell(batch: Sequence[Waiting]) -> None:
    for waiting in batch:
        if not waiting.answered.done():
            waiting.answered.set_result(waiting.answer or unavailable())
