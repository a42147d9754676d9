"""The end of a transactional test: its rows are deleted from the tables that have any.

Django's own end empties every table (PostgreSQL truncates, which locks and syncs each of them), then makes all content
types and permissions anew. Most tests write into a handful of tables.
"""

from functools import cache
from typing import Any

from django.db import connections, transaction

# Made by migrations and after them, never by a test.
KEPT = frozenset({"auth_permission", "django_content_type", "django_migrations"})


@cache
def _tables(alias: str) -> tuple[str, ...]:
    """The tables that a test may write into."""
    found = connections[alias].introspection.table_names()
    return tuple(sorted(set(found) - KEPT))


def end_every_other_session() -> None:
    """PostgreSQL drops no database under a session, and a thread's may live on in a cycle that nobody collected."""
    for connection in connections.all():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


def take_out_what_was_written(case: Any) -> None:
    """Empty every table that has a row, in one transaction; foreign keys are looked at when it ends."""
    for alias in case._databases_names(include_mirrors=False):
        connection = connections[alias]
        quoted = [connection.ops.quote_name(name) for name in _tables(alias)]
        questions = [f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {name})" for number, name in enumerate(quoted)]
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(questions))
            for (number,) in cursor.fetchall():
                cursor.execute(f"DELETE FROM {quoted[number]}")
