"""What the door turned away: a ring of the last hundred per endpoint, written behind everything else.

An attacker must not get a write path: noting costs a place in memory, never a commit, and older notes make room. What
came for unknown paths is only counted.

Those who watch are told of the newest of each connection, once for each time that notes are written; that line takes
the place of the one before, so that a flood leaves one line in the journal and not one a second.
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog

from dct_site.kernel.wake import Topic, poke
from triggers.door.store import Broken, Store
from triggers.services.delivery_news import rejected_line
from triggers.services.intake import Incoming, store
from triggers.services.intake_sql import Statements

KEEP = 100
KEEP_BYTES = 4096
_CHUNK = 100
log = structlog.get_logger(__name__)


class Rejections:
    """Notes of rejected requests. Made on the event loop; ``flush_s`` is how long notes wait for company."""

    def __init__(self, behind: Store, flush_s: float = 1.0) -> None:
        self.unknown_paths = 0
        self._behind = behind
        self._flush_s = flush_s
        self._noted: dict[int, deque[Incoming]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="door-rejections")
        self._flushing: asyncio.Task[None] | None = None
        self._untold: dict[int, tuple[int, datetime]] = {}
        self._told: dict[int, int] = {}

    def note(self, one: Incoming) -> None:
        """Keep a rejected request (its ``rejection`` and ``endpoint_id`` are set, its body is cut) for the next
        flush.
        """
        ring = self._noted.setdefault(one.endpoint_id or 0, deque(maxlen=KEEP))
        ring.append(one)
        if self._flushing is None:
            self._flushing = asyncio.ensure_future(self._flush_later())

    async def close(self) -> None:
        """Write what is noted, if the database lets it, and let go of the connection."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        await self._flush()
        self._thread.submit(self._behind.close)
        self._thread.shutdown()

    async def _flush_later(self) -> None:
        while self._noted:
            await asyncio.sleep(self._flush_s)
            await self._flush()
        self._flushing = None

    async def _flush(self) -> None:
        noted, self._noted = self._noted, {}
        if not noted:
            return
        rows = [one for ring in noted.values() for one in ring]
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, rows)
        except Broken as error:
            log.warning("rejections.wait", count=len(rows), error=str(error))
            self._put_back(rows)
        else:
            poke(Topic.ANNOUNCE)

    def _put_back(self, rows: list[Incoming]) -> None:
        """For the next flush, as far as newer ones have left room: a transaction that gives way to every other writer
        often comes to nothing.
        """
        for one in reversed(rows):
            ring = self._noted.setdefault(one.endpoint_id or 0, deque(maxlen=KEEP))
            if len(ring) < KEEP:
                ring.appendleft(one)

    def _write(self, rows: list[Incoming]) -> None:
        """Write and take out of ``rows``; what is left where it raises one of Broken was not written."""
        while rows:
            chunk = rows[:_CHUNK]
            told: dict[int, int] = {}
            with self._behind.writing_behind() as sql:
                receipts = store(sql, chunk)
                for endpoint_id in sorted({one.endpoint_id for one in chunk if one.endpoint_id is not None}):
                    sql.trim_rejected(endpoint_id, KEEP)
                newest = zip(chunk, receipts, strict=True)
                self._untold |= {one.connection_id: (receipt.delivery_id, one.received_at) for one, receipt in newest}
                if len(rows) <= _CHUNK:
                    told = self._tell(sql)
            self._untold = {pk: news for pk, news in self._untold.items() if pk not in told}
            self._told |= told
            del rows[:_CHUNK]

    def _tell(self, sql: Statements) -> dict[int, int]:
        """{connection: line} of what those who watch are told now, instead of what they were told before."""
        lines = [rejected_line(delivery, connection, at) for connection, (delivery, at) in self._untold.items()]
        sql.forget_lines([self._told[connection] for connection in self._untold if connection in self._told])
        return dict(zip(self._untold, sql.add_lines(lines), strict=True))
