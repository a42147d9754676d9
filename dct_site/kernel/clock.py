"""The times that DCT measures by: the wall clock, the database's, and the one that nobody can set.

Leases and due times in rows compare the database's clock; spans within a process, and leases between processes of one
machine, the boot clock together with the boot's id.
"""

import os
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from dct_site.kernel.process import shim_tree

STEPPED_BY = "DCT_CLOCK_FILE"
"""Names a file with the seconds by which a test has set the wall clock; never in production."""


def utcnow() -> datetime:
    """This machine's wall clock, aware, in UTC. It may be set at any moment, forwards and backwards.

    The one place that asks for it: everybody else is told the time, or asks here.
    """
    at = datetime.now(UTC)
    return at + _step(Path(_stepped_by)) if _stepped_by and os.environ.get("DCT_ENV") != "production" else at


def _step(file: Path) -> timedelta:
    try:
        return timedelta(seconds=float(file.read_text()))
    except (OSError, ValueError):
        return timedelta()


def db_now(connection: BaseDatabaseWrapper) -> datetime:
    """The clock that rows are compared by, aware: the server's on PostgreSQL, this machine's on SQLite.

    Of the moment of the call, not of the transaction's start. One round trip on PostgreSQL.
    """
    if connection.vendor != "postgresql":
        return utcnow()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now.astimezone(UTC)


def monotonic() -> float:
    """Seconds since boot, sleep included; nobody can set it, and every process of this boot sees the same."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    """The id of this boot: monotonic times and process numbers of another boot mean nothing."""
    return shim_tree.boot_id()


def process_start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when there is none. With the boot id it names a process."""
    return shim_tree.start_time(pid)


# Looked up once: to ask the environment each time cost more than to ask the clock.
_stepped_by = os.environ.get(STEPPED_BY)
