"""The capacity lock: one row, taken before trigger, execution and run rows."""

from django.db import transaction

from agents.models import Limits


def lock_capacity() -> Limits:
    """The limits, locked until the caller's transaction ends. On SQLite a transaction is the lock already.

    Raises RuntimeError outside a transaction: the lock would be gone before its caller looks.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("The capacity lock lives in a transaction.")
    return Limits.objects.select_for_update().get(pk=1)
