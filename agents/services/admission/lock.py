"""The capacity lock: one row, taken before trigger, execution and run rows."""

from django.db import connection

from agents.models import Limits
from dct_site.kernel.rows import found


def lock_capacity() -> Limits:
    """The limits, locked until the caller's transaction ends. On SQLite a transaction is the lock already.

    Raises RuntimeError outside a transaction: the lock would be gone before its caller looks.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("The capacity lock lives in a transaction.")
    return found(Limits, "id = 1 FOR UPDATE" if connection.vendor == "postgresql" else "id = 1", [])[0]
