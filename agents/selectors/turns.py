"""Who goes one after the other: the starts of one trigger about one item, in the order of their wishes."""

from collections.abc import Iterable

from django.db import connection

from agents.models import StartRequest

_PREFIX = "turn:"
_OPEN = "status IN ('waiting', 'parked', 'admitted')"
_SAME = "kind = s.kind AND {0}.concurrency_key = s.concurrency_key AND {0}.item_key = s.item_key"


def turn_key(start: StartRequest) -> str:
    """The key behind which those wait whose turn it is not yet. What is about no item is about one and the same."""
    return f"{_PREFIX}{start.concurrency_key}:{start.item_key}"


def is_turn(key: str) -> bool:
    """Whether it is the key of such a line."""
    return key.startswith(_PREFIX)


def at_work_or_before(wanted: Iterable[StartRequest]) -> dict[int, int]:
    """{primary key: the subject that goes first} of those in turn whose turn it is not.

    First go those of the line that were wished for earlier, whatever their priority, and whoever of the trigger and
    the item holds slots, in turn or not. A subject that is tried again keeps its place.
    """
    ids = sorted(start.pk for start in wanted if start.is_in_turn)
    if not ids:
        return {}
    marks = ", ".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id, s.subject_id,"  # noqa: S608 - no values
            " (SELECT MIN(a.subject_id) FROM agents_startrequest a WHERE a.status = 'admitted'"
            f" AND a.concurrency_key > '' AND a.{_SAME.format('a')} AND a.subject_id <> s.subject_id),"
            " (SELECT MIN(o.subject_id) FROM agents_startrequest o"
            f" WHERE o.is_in_turn AND o.{_OPEN} AND o.{_SAME.format('o')})"
            f" FROM agents_startrequest s WHERE s.id IN ({marks})",
            ids,
        )
        rows = cursor.fetchall()
    found = {pk: works or first for pk, subject, works, first in rows if works is not None or first < subject}
    return {pk: int(subject) for pk, subject in found.items()}


def places_before(start: StartRequest) -> int:
    """How many of its line go before it."""
    return StartRequest.objects.filter(
        kind=start.kind,
        concurrency_key=start.concurrency_key,
        item_key=start.item_key,
        is_in_turn=True,
        status__in=("waiting", "parked", "admitted"),
        subject_id__lt=start.subject_id,
    ).count()


def next_of_line(key: str, limit: int) -> list[StartRequest]:
    """The first of those parked behind the key of a line, in its order."""
    rows = StartRequest.objects.filter(status="parked", parked_for=key)
    return list(rows.order_by("subject_id")[:limit])
