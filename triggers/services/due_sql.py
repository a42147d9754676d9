"""What the clock asks of the database with many slots of one second before it: a queryset costs as much as the rows."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection

from dct_site.kernel.rows import cursor


class Seen(NamedTuple):
    """A schedule as it stood when it was thought out. Whoever changes its settings, or its calendars, raises
    ``version``.
    """

    schedule_id: int
    mark_at: datetime
    mark_key: str
    version: int
    connection_id: int
    is_enabled: bool
    item_key: str
    title: str


Place = tuple[datetime, str, int]
"""Where a schedule stands: its mark and its version."""

_SEEN = (
    "SELECT s.id, s.mark_at, s.mark_key, s.version, l.connection_id, c.is_enabled, i.external_key, i.title"
    " FROM triggers_schedule s JOIN triggers_contextlistener l ON l.id = s.listener_id"
    " JOIN accounts_connection c ON c.id = l.connection_id JOIN workspaces_contextitem i ON i.id = l.item_id"
    " WHERE s.next_at <= %s ORDER BY s.next_at, s.id LIMIT %s"
)
_HELD = (
    "SELECT id, mark_at, mark_key, version FROM triggers_schedule WHERE id IN ({}) AND next_at IS NOT NULL ORDER BY id"
)
_LOCK = " FOR NO KEY UPDATE SKIP LOCKED"
_KNOWN = "SELECT schedule_id, slot_at, key FROM triggers_scheduleslot WHERE schedule_id IN ({}) AND slot_at >= %s"


def seen_due(now: datetime, most: int) -> list[Seen]:
    """Those that are due, the longest overdue first."""
    return [
        Seen(pk, _back(at), key, version, place, bool(is_enabled), item_key, title)
        for pk, at, key, version, place, is_enabled, item_key, title in _asked(_SEEN, [_to(now), most])
    ]


def held(schedule_ids: Sequence[int]) -> dict[int, Place]:
    """Where these stand now, held to the end of the transaction. Whom another clock holds is left to it."""
    lock = _LOCK if connection.vendor == "postgresql" else ""
    rows = _asked(_HELD.format(_marks(schedule_ids)) + lock, schedule_ids)
    return {pk: (_back(at), key, version) for pk, at, key, version in rows}


def known_slots(schedule_ids: Collection[int], since: datetime) -> set[tuple[int, datetime, str]]:
    """The slots of these that have a row already: (schedule, when, name)."""
    rows = _asked(_KNOWN.format(_marks(schedule_ids)), [*schedule_ids, _to(since)])
    return {(pk, _back(at), key) for pk, at, key in rows}


def _asked(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with cursor() as asked:
        asked.execute(statement, values)
        return list(asked.fetchall())


def _marks(values: Collection[int]) -> str:
    return ", ".join(["%s"] * len(values)) or "NULL"


def _to(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)


def _back(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
