"""What a decision asks, as statements: the ORM takes longer to write one than to run it.

(0.3 ms of CPU each, for a statement of 20 µs. What is asked under the write lock keeps all writers of a SQLite file
waiting meanwhile, the door among them.)
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import Connection, User
from agents.models import Limits
from dct_site.kernel.rows import Row, cursor, found
from triggers.models import Delivery, Trigger, TriggerRevision, WebhookEndpoint
from triggers.selectors.standings import ASKED
from workspaces.models import ContextItem

Value = int | str
MOST = 900
"""Values in one statement."""
_OLDEST = "SELECT delivery_id FROM triggers_pendingdelivery ORDER BY delivery_id LIMIT %s"
_PENDING = "SELECT delivery_id FROM triggers_pendingdelivery WHERE delivery_id IN ({}) ORDER BY delivery_id"
_SETTLED = "DELETE FROM triggers_pendingdelivery WHERE delivery_id IN ({})"
_VERSIONS = "SELECT id, state_version FROM workspaces_contextitem WHERE id IN ({}) ORDER BY id"
_FIRED = (
    "UPDATE triggers_trigger SET last_fired_at = %s WHERE id = %s AND (last_fired_at IS NULL OR last_fired_at < %s)"
)
_CHANGES = "SELECT change_key, event_id FROM triggers_seenchange WHERE connection_id = %s AND change_key IN ({})"

_WAITING = "id IN ({}) AND id IN (SELECT delivery_id FROM triggers_pendingdelivery) ORDER BY id"
_ASKED = "id IN ({}) AND status IN ({}) AND published_id IS NOT NULL ORDER BY id"
_ITEMS = "connection_id IN ({}) AND kind IN ({}) AND external_key IN ({})"
_LISTENED = (
    "SELECT connection_id, item_id FROM triggers_contextlistener"
    " WHERE (item_id IS NULL AND connection_id IN ({})) OR item_id IN ({})"
)


def oldest_pending(most: int) -> list[int]:
    """The ids of so many deliveries that wait for a decision, oldest first."""
    with cursor() as asked:
        asked.execute(_OLDEST, [most])
        return [pk for (pk,) in asked.fetchall()]


def limits() -> Limits:
    """The limits of the installation."""
    (only,) = found(Limits, "id = 1", ())
    return only


def waiting(ids: Sequence[int]) -> list[Delivery]:
    """Those of these deliveries that wait for a decision, oldest first."""
    return [one for part in _parts(sorted(ids)) for one in found(Delivery, _WAITING.format(_marks(part)), part)]


def connections(ids: Collection[int]) -> dict[int, Connection]:
    """{id: connection} of those that exist."""
    return {one.pk: one for one in _by_id(Connection, ids)}


def endpoints(connection_ids: Collection[int]) -> dict[int, WebhookEndpoint]:
    """{connection id: its endpoint} of those that have one."""
    rows = [
        one
        for part in _parts(sorted(connection_ids))
        for one in found(WebhookEndpoint, f"connection_id IN ({_marks(part)})", part)
    ]
    return {one.connection_id: one for one in rows}


def items(ids: Collection[int]) -> list[ContextItem]:
    """The items with these ids."""
    return _by_id(ContextItem, ids)


def items_by_key(keys: Collection[tuple[int, str, str]]) -> list[ContextItem]:
    """The items under these keys (connection id, kind, external key), and others whose parts are among them."""
    # All three columns of the unique key: with one left out, every item of the connection is read.
    connection_ids, kinds, external_keys = (sorted({key[at] for key in keys}) for at in range(3))
    return [
        one
        for part in _parts(external_keys)
        for one in found(
            ContextItem,
            _ITEMS.format(_marks(connection_ids), _marks(kinds), _marks(part)),
            [*connection_ids, *kinds, *part],
        )
    ]


def asked_triggers(ids: Collection[int]) -> list[Trigger]:
    """Those of these triggers that are asked at all, each with its published revision and its owner. One whose owner
    was changed and is gone since it was read is left out.
    """
    rows = [
        one
        for part in _parts(sorted(ids))
        for one in found(Trigger, _ASKED.format(_marks(part), _marks(ASKED)), [*part, *ASKED])
    ]
    revisions = {one.pk: one for one in _by_id(TriggerRevision, {one.published_id for one in rows})}
    owners = {one.pk: one for one in _by_id(User, {one.owner_id for one in rows})}
    whole = [one for one in rows if one.published_id in revisions and one.owner_id in owners]
    for one in whole:
        one.published, one.owner = revisions[one.published_id or 0], owners[one.owner_id]
    return whole


def listened_to(connection_ids: Collection[int], item_ids: Collection[int]) -> list[tuple[int, int | None]]:
    """(connection id, item id) of the listeners to one of the connections as a whole, or to one of the items."""
    with cursor() as asked:
        asked.execute(
            _LISTENED.format(_marks(connection_ids) or "NULL", _marks(item_ids) or "NULL"),
            [*connection_ids, *item_ids],
        )
        return list(asked.fetchall())


def held_pending(ids: Collection[int]) -> set[int]:
    """Which of these deliveries wait for a decision; held until the transaction ends. One that another decider holds
    is left out: waiting for it would only end in Overtaken as well.
    """
    lock = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    return {pk for (pk,) in _asked(_PENDING + lock, sorted(ids))}


def settle_pending(ids: Collection[int]) -> None:
    """These deliveries wait no longer."""
    with cursor() as asked:
        for part in _parts(sorted(ids)):
            asked.execute(_SETTLED.format(_marks(part)), part)


def held_versions(item_ids: Collection[int]) -> dict[int, int]:
    """{item id: version of its state}; held until the transaction ends, in the order of their ids."""
    lock = " FOR NO KEY UPDATE" if connection.vendor == "postgresql" else ""
    return dict(_asked(_VERSIONS + lock, sorted(item_ids)))


def stored_changes(keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], int | None]:
    """{(connection id, change key): event id} of those among the keys that were seen."""
    found: dict[tuple[int, str], int | None] = {}
    by_connection: dict[int, list[str]] = {}
    for connection_id, key in keys:
        by_connection.setdefault(connection_id, []).append(key)
    for connection_id, wanted in by_connection.items():
        rows = _asked(_CHANGES, wanted, connection_id)
        found |= {(connection_id, key): event_id for key, event_id in rows}
    return found


def mark_fired(latest: Mapping[int, datetime]) -> None:
    """The last firing of each trigger, {its id: when}, was at this time, unless there was a later one."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(adapt(at), trigger_id, adapt(at)) for trigger_id, at in sorted(latest.items())]
    if rows:
        with cursor() as asked:
            asked.executemany(_FIRED, rows)


def _by_id(model: type[Row], ids: Collection[Any]) -> list[Row]:
    return [one for part in _parts(sorted(ids)) for one in found(model, f"id IN ({_marks(part)})", part)]


def _asked(statement: str, values: Sequence[Value], *before: Value) -> list[tuple[Any, ...]]:
    """What a statement says about many values; ``before`` are those that stand before them."""
    rows: list[tuple[Any, ...]] = []
    with cursor() as asked:
        for part in _parts(values):
            asked.execute(statement.format(_marks(part)), [*before, *part])
            rows += asked.fetchall()
    return rows


def _parts(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    return (values[start : start + MOST] for start in range(0, len(values), MOST))


def _marks(values: Collection[Value]) -> str:
    return ", ".join(["%s"] * len(values))
