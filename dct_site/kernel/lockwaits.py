"""How long who writes to the database waits for the others."""

import time

from django.db import connection, transaction

_WAITING = """
    SELECT COALESCE(MAX(EXTRACT(EPOCH FROM clock_timestamp() - query_start)), 0)
    FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


def lock_wait_s() -> float:
    """Seconds. On SQLite how long the turn to write takes, by taking it for nothing; on PostgreSQL how long the longest
    of those that wait for a lock has waited.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            return float(cursor.fetchone()[0])
    began = time.monotonic()
    with transaction.atomic():
        return time.monotonic() - began
