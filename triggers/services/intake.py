"""Intake: the one way by which anything that arrives becomes a stored delivery.

The door, pollers, the clock, firing by hand and replay all come through here. A delivery is stored once per
(connection, delivery key, body); the same key with another body is stored with ``key_conflict`` (a wrong id path in a
generic webhook must not swallow everything after the first); a rejected one claims no key.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.enums import Origin
from triggers.services.intake_sql import Key, Look, Row, Rows, Statements, statements
from workspaces.enums import TrustTier

CHUNK = 500
"""Deliveries per statement; a larger batch would hold the write lock for longer than 20 ms."""


@dataclass(slots=True)
class Incoming:
    """Something that arrived, as it arrived. ``headers`` are redacted already; ``delivery_key`` is the sender's id.

    ``generation`` is what it was verified under (0: the one at the time of storing). ``body_hash`` and
    ``headers_json`` may be given where they were made before, outside the transaction.
    """

    connection_id: int
    source: str
    body: bytes
    received_at: datetime
    endpoint_id: int | None = None
    origin: str = Origin.LIVE
    delivery_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    trust_tier: str = TrustTier.OPEN
    generation: int = 0
    rejection: str = ""
    body_hash: str = ""
    headers_json: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to one Incoming: the delivery that stands for it, and whether it was there before."""

    delivery_id: int
    duplicate: bool = False
    key_conflict: bool = False


def accept(incoming: Sequence[Incoming]) -> list[Receipt]:
    """Store deliveries in the caller's transaction (or one of their own) and wake the decider on commit.

    Returns one receipt for each, in order. Nothing is stored when it raises.
    """
    with transaction.atomic():
        sql = statements(connection.vendor, _execute)
        receipts = [
            receipt
            for start in range(0, len(incoming), CHUNK)
            for receipt in store(sql, incoming[start : start + CHUNK])
        ]
        poke_on_commit(Topic.DECIDE)
    return receipts


def look(sql: Statements, incoming: Sequence[Incoming]) -> Look:
    """What there is to know before storing them, asked with one statement."""
    return sql.look(sorted({key for one in incoming if (key := _key_of(one))}), len(incoming))


def store(sql: Statements, incoming: Sequence[Incoming], looked: Look | None = None) -> list[Receipt]:
    """Store up to CHUNK deliveries on the connection behind ``sql``, inside its transaction, which may have looked."""
    if not incoming:
        return []
    looked = looked or look(sql, incoming)
    rows = [_row(sql, one, key, looked.generation) for one, key in zip(incoming, looked.ids, strict=True)]
    fresh, stand_in = _collapse(sql, rows, knows_some=looked.knows_some)
    inserted = sql.insert(fresh) if fresh else set()
    overtaken = [row for row in fresh if row.id not in inserted]
    if overtaken:
        by_others = _overtaken_by(sql, overtaken)
        stand_in = by_others | {row: by_others.get(first, first) for row, first in stand_in.items()}
    if stand_in:
        sql.count_duplicates(Counter(stand_in.values()), max(one.received_at for one in incoming))
    conflicts = {row.id for row in fresh if row.key_conflict}
    return [Receipt(stand_in.get(row.id, row.id), row.id in stand_in, row.id in conflicts) for row in rows]


def body_hash(body: bytes) -> str:
    """SHA-256 of a body, in hex."""
    return hashlib.sha256(body).hexdigest()


Identity = tuple[int, str, str]
"""(connection id, delivery key, body hash): what is stored once."""


def _key_of(one: Incoming) -> Key | None:
    """The key that it claims: a rejected one claims none."""
    return None if one.delivery_key is None or one.rejection else (one.connection_id, one.delivery_key)


def _collapse(sql: Statements, rows: Sequence[Row], *, knows_some: bool) -> tuple[list[Row], dict[int, int]]:
    """The rows that are new, marked where their key is known with another body; and {row id: the delivery it
    repeats}.
    """
    keys = sorted({(row.connection_id, row.delivery_key) for row in rows if row.delivery_key is not None})
    if not knows_some and len(keys) == len(rows):
        return list(rows), {}
    stored = sql.known(keys) if knows_some else []
    by_identity: dict[Identity, int] = {(found[1], found[2], found[3]): found[0] for found in stored}
    used = {(found[1], found[2]) for found in stored}
    fresh: list[Row] = []
    stand_in: dict[int, int] = {}
    for row in rows:
        if row.delivery_key is None:
            fresh.append(row)
            continue
        identity, key = (row.connection_id, row.delivery_key, row.body_hash), (row.connection_id, row.delivery_key)
        if identity in by_identity:
            stand_in[row.id] = by_identity[identity]
            continue
        fresh.append(row._replace(key_conflict=True) if key in used else row)
        by_identity[identity] = row.id
        used.add(key)
    return fresh, stand_in


def _overtaken_by(sql: Statements, rows: Sequence[Row]) -> dict[int, int]:
    """{row id: delivery} of rows that another server stored between the look and the insert (PostgreSQL only)."""
    keys = sorted({(row.connection_id, row.delivery_key) for row in rows if row.delivery_key is not None})
    stored = {(found[1], found[2], found[3]): found[0] for found in sql.known(keys)}
    return {row.id: stored[row.connection_id, row.delivery_key, row.body_hash] for row in rows if row.delivery_key}


def _row(sql: Statements, one: Incoming, delivery_id: int, generation_now: int) -> Row:
    return Row(
        delivery_id,
        one.connection_id,
        one.endpoint_id,
        one.source,
        one.origin,
        None if one.rejection else one.delivery_key,
        one.body,
        one.body_hash or body_hash(one.body),
        one.headers_json or json.dumps(one.headers),
        one.rejection,
        False,  # no key conflict that is known of
        one.trust_tier,
        one.generation or generation_now,
        sql.time(one.received_at),
    )


def _execute(statement: str, values: Sequence[Any]) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else [(cursor.rowcount,)]
