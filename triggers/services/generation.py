"""The generation row: whoever changes what a decision rests on bumps it, and a decision holds it to its commit."""

from django.db import connection
from django.db.models import F

from dct_site.kernel.rows import cursor
from triggers.models import Generation


def current() -> int:
    """The committed generation, read without a transaction."""
    return _asked("")


def hold() -> int:
    """The generation, held against a bump until the caller's transaction ends; many may hold it at once.

    SQLite has one writer at a time, so the transaction itself holds it.
    """
    return _asked(" FOR SHARE" if connection.vendor == "postgresql" else "")


def _asked(lock: str) -> int:
    with cursor() as asked:
        asked.execute(f"SELECT value FROM triggers_generation WHERE id = 1{lock}")  # noqa: S608 - one of two words
        ((value,),) = asked.fetchall()
    return int(value)


def bump() -> int:
    """Raise the generation in the caller's transaction and return the new one.

    The first write of the transaction (lock order: generation, capacity, trigger rows): it waits for decisions under
    way, and whatever is decided after its commit sees what was changed.
    """
    Generation.objects.filter(pk=1).update(value=F("value") + 1)
    return current()
