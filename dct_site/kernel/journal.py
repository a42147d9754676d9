"""The journal: one row per transition of anything, and the one way to follow it without losing a row.

The rows live in a model that the lowest app installs (the kernel has none). Readers keep a cursor; on SQLite, where
one writer commits at a time, that is the id; on PostgreSQL ids become visible out of order, so the cursor is
``(transaction id, id)`` below the oldest transaction still under way in this database (of 18,681 rows, 3,689 were lost
to ``id > cursor``).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import local
from typing import Any

from django.db import connection, models

from dct_site.kernel import wake
from dct_site.kernel.rows import append


@dataclass(frozen=True)
class Line:
    """One transition: what moved, from where, to where, why, by whom, when, and the ids a reader may follow it by."""

    kind: str
    object_id: int
    came_from: str
    to: str
    reason: str
    by: str
    at: datetime
    refs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Cursor:
    """A place in the journal. ``xid`` is 0 on SQLite."""

    xid: int = 0
    id: int = 0


class TransactionId(models.Func):
    """The current transaction's 64-bit id on PostgreSQL; 0 where one writer commits at a time."""

    output_field = models.BigIntegerField()

    def as_sql(self, *_args: Any, **_kwargs: Any) -> tuple[str, tuple[str | int, ...]]:
        return "0", ()

    def as_postgresql(self, *_args: Any, **_kwargs: Any) -> tuple[str, tuple[str | int, ...]]:
        return "(pg_current_xact_id()::text::bigint)", ()


_installed: list[type[models.Model]] = []


def install(model: type[models.Model]) -> None:
    """Name the model that keeps the journal (called once, when the apps are ready)."""
    _installed[:] = [model]


def rows() -> models.Manager[Any]:
    """The manager of the journal's model."""
    return _installed[0]._default_manager


_NAMES = ("kind", "object_id", "came_from", "to", "reason", "by", "at", "refs")


def write(*lines: Line) -> None:
    """Append lines in the caller's transaction; readers are told when it commits."""
    gathered = getattr(_local, "gathered", None)
    if gathered is not None:
        gathered += lines
        return
    append(
        _installed[0],
        _NAMES,
        [
            (one.kind, one.object_id, one.came_from, one.to, one.reason[:1000], one.by[:150], one.at, one.refs)
            for one in lines
        ],
    )
    wake.poke_on_commit(wake.Topic.ANNOUNCE)


@contextmanager
def written_together() -> Iterator[None]:
    """What this thread writes meanwhile is appended at the end, in one statement; nothing of it after an exception.

    For a transaction that moves much. Around a part of it, not around several.
    """
    gathered: list[Line] = []
    _local.gathered = gathered
    try:
        yield
    finally:
        _local.gathered = None
    if gathered:
        write(*gathered)


_local = local()


# The oldest transaction of this database that is under way, else the first that is yet to come. A snapshot's own xmin
# (pg_snapshot_xmin) counts every database of the server: a neighbour's long import would hold up all that is live here.
# ``backend_xid`` has 32 bits and is told by its distance to the snapshot's end; one beyond that end bounds nothing.
_HORIZON = """
    WITH upper AS MATERIALIZED (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid),
    behind AS (
        SELECT (upper.xid - backend_xid::text::bigint) & 4294967295 AS by
        FROM pg_stat_activity, upper WHERE datname = current_database() AND backend_xid IS NOT NULL
    )
    SELECT upper.xid - COALESCE((SELECT max(by) FROM behind WHERE by < 2147483648), 0) FROM upper
"""


def _horizon() -> int:
    """The transaction id below which everything that this database will ever show is committed and visible to the next
    statement: whoever was not under way when this one looked, after its snapshot, has ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON)
        return int(cursor.fetchone()[0])


def head() -> Cursor:
    """The place after everything that is committed and can no longer be overtaken."""
    if connection.vendor == "postgresql":
        return Cursor(xid=_horizon() - 1, id=2**62)
    last = rows().order_by("-id").values_list("id", flat=True).first()
    return Cursor(id=last or 0)


def journal_after(cursor: Cursor, *, limit: int = 500) -> tuple[Sequence[Any], Cursor]:
    """Up to ``limit`` journal rows after ``cursor`` in a stable order, and the cursor to go on from.

    On PostgreSQL outside a transaction: the two statements must see what was committed between them.
    """
    found = rows().all()
    if connection.vendor == "postgresql":
        found = found.filter(models.Q(xid__gt=cursor.xid) | models.Q(xid=cursor.xid, id__gt=cursor.id))
        found = found.filter(xid__lt=_horizon()).order_by("xid", "id")
    else:
        found = found.filter(id__gt=cursor.id).order_by("id")
    batch = list(found[:limit])
    if not batch:
        return batch, cursor
    return batch, Cursor(xid=batch[-1].xid, id=batch[-1].id)
