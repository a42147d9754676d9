"""Emptying raw deliveries so that a large body does not hold SQLite's write lock.

To free a body's pages SQLite walks through all of them, and a build that overwrites what it deletes writes each: 4 ms
of lock for a megabyte, 85 for 25, 250 for 60. So a large one is overwritten with zeros first, a part at a time, and
then let go of without a second overwriting. The file is mapped into memory meanwhile: the way to a part leads through
all pages before it. CPU with the lock held, two busy cores: a part of 25 MB takes 4 ms (12 at most) and the end 12; of
64 MB, the most that an endpoint may take, 5 (15) and 21. PostgreSQL writes beside what is there; it locks nobody out.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Length

from triggers.models import Delivery

WHOLE = 1024 * 1024
"""A body up to so many bytes goes in one statement."""
PART = 512 * 1024
_MAPPED = 1024 * 1024 * 1024


def empty(rows: QuerySet[Delivery], ids: Collection[int], **emptied: Any) -> int:
    """Set these fields, the body's among them, of those of ``rows`` with these ids; how many that were."""
    if connection.vendor != "sqlite":
        return rows.filter(pk__in=ids).update(**emptied)
    sized = rows.filter(pk__in=ids).order_by().annotate(size=Length("body"))
    large = dict(sized.filter(size__gt=WHOLE).values_list("pk", "size"))
    gone = rows.filter(pk__in=[pk for pk in ids if pk not in large]).update(**emptied)
    for pk, size in large.items():
        with _set("mmap_size", _MAPPED):
            if all(_overwritten(rows, pk, start, min(PART, size - start)) for start in range(0, size, PART)):
                with _set("secure_delete", 0):
                    gone += rows.filter(pk=pk).update(**emptied)
    return gone


def _overwritten(rows: QuerySet[Delivery], pk: int, start: int, count: int) -> bool:
    """Write zeros over a part of a body; False where it may not be touched any more."""
    with transaction.atomic():
        if not rows.filter(pk=pk).exists():
            return False
        with connection.connection.blobopen(Delivery._meta.db_table, "body", pk) as body:
            body.seek(start)
            body.write(bytes(count))
    return True


@contextmanager
def _set(pragma: str, value: int) -> Iterator[None]:
    """A setting of this connection, and the one before afterwards."""
    with connection.cursor() as cursor:
        before = cursor.execute(f"PRAGMA {pragma}").fetchone()
        cursor.execute(f"PRAGMA {pragma} = {value}").fetchone()
        try:
            yield
        finally:
            if before is not None:  # a build without it answers nothing
                cursor.execute(f"PRAGMA {pragma} = {before[0]}").fetchone()
