"""The SQL of intake: how a batch of deliveries goes in with a handful of statements, on SQLite and on PostgreSQL.

The only raw SQL that writes deliveries. It runs on whatever connection it is given (the door's own, or Django's),
inside the caller's transaction. One look, and one statement per table and batch: with one insert per delivery the door
accepted half as much.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from dct_site.kernel.journal import Line

Rows = list[tuple[Any, ...]]
Execute = Callable[[str, Sequence[Any]], Rows]
"""Runs one statement and returns its rows; of one that has none, how many it changed: ``[(count,)]``."""

Key = tuple[int, str]
"""(connection id, delivery key)"""


class Row(NamedTuple):
    """One row of ``triggers_delivery`` as its columns hold it: ``headers`` as JSON, ``received_at`` by
    ``Statements.time``.
    """

    id: int
    connection_id: int
    endpoint_id: int | None
    source: str
    origin: str
    delivery_key: str | None
    body: bytes
    body_hash: str
    headers: str
    rejection: str
    key_conflict: bool
    trust_tier: str
    generation: int
    received_at: Any


class Look(NamedTuple):
    """What a transaction sees before it stores: the generation, ids for its rows, and whether any of their keys is
    known.
    """

    generation: int
    ids: Sequence[int]
    knows_some: bool


_COLUMNS = ", ".join(Row._fields)
_GROUP = ", ".join(["{0}"] * len(Row._fields))


class Statements:
    """The statements in SQLite's words; ``mark`` is the placeholder of the connection they run on (``?`` or ``%s``)."""

    def __init__(self, execute: Execute, mark: str) -> None:
        self.execute = execute
        self.mark = mark
        self.json_mark = mark

    def look(self, keys: Sequence[Key], count: int) -> Look:
        """The generation, held to the end of the transaction, and ``count`` ids that nobody else uses, in order: on
        SQLite the transaction holds the write lock.
        """
        known = f"EXISTS ({self._wanted(len(keys))} SELECT 1 {_STORED})" if keys else "0"
        row = self.execute(
            "SELECT value, (SELECT seq FROM sqlite_sequence WHERE name = 'triggers_delivery'),"  # noqa: S608 - marks only
            f" {known} FROM triggers_generation WHERE id = 1",
            list(chain.from_iterable(keys)),
        )[0]
        first = (row[1] or 0) + 1
        return Look(row[0], range(first, first + count), bool(row[2]))

    def known(self, keys: Sequence[Key]) -> list[tuple[int, int, str, str]]:
        """(delivery id, connection id, key, body hash) of every stored delivery under one of the keys."""
        rows = self.execute(
            f"{self._wanted(len(keys))} SELECT d.id, d.connection_id, d.delivery_key, d.body_hash {_STORED}",
            list(chain.from_iterable(keys)),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def insert(self, rows: Sequence[Row]) -> set[int]:
        """Insert rows, make those that were accepted work for the decider, and return the ids that went in: the others
        were there already.
        """
        stored = self._insert(rows)
        if pending := [row.id for row in rows if row.id in stored and not row.rejection]:
            self.add_pending(pending)
        return stored

    def _insert(self, rows: Sequence[Row]) -> set[int]:
        group = f"({_GROUP.format(self.mark)})"
        # Not RETURNING: Python lets go of its lock for each row that comes back, and has to fight for it again.
        changed = self.execute(
            f"INSERT INTO triggers_delivery ({_COLUMNS}) VALUES {_groups(group, len(rows))}"  # noqa: S608 - marks only
            " ON CONFLICT DO NOTHING",
            list(chain.from_iterable(rows)),
        )
        ids = [row.id for row in rows]
        if changed == [(len(ids),)]:
            return set(ids)
        stored = self.execute(f"SELECT id FROM triggers_delivery WHERE id IN ({_groups(self.mark, len(ids))})", ids)  # noqa: S608 - marks only
        return {row[0] for row in stored}

    def add_pending(self, ids: Sequence[int]) -> None:
        """Make the deliveries work for the decider."""
        self.execute(
            "INSERT INTO triggers_pendingdelivery (delivery_id, tries)"  # noqa: S608 - marks only
            f" VALUES {_groups(f'({self.mark}, 0)', len(ids))}",
            ids,
        )

    def count_duplicates(self, counts: Mapping[int, int], at: datetime) -> None:
        """Add to how often each delivery came again."""
        ordered = sorted(counts.items())
        group = f"({self.mark}, {self.mark}, {self.mark})"
        self.execute(
            "INSERT INTO triggers_deliveryduplicates (delivery_id, count, last_at)"  # noqa: S608 - marks only
            f" VALUES {_groups(group, len(ordered))} ON CONFLICT (delivery_id) DO UPDATE SET"
            " count = triggers_deliveryduplicates.count + excluded.count, last_at = excluded.last_at",
            [value for delivery, count in ordered for value in (delivery, count, self.time(at))],
        )

    def trim_rejected(self, endpoint_id: int, keep: int) -> None:
        """Delete the endpoint's rejected deliveries but for the newest ``keep``."""
        mark = self.mark
        self.execute(
            f"DELETE FROM triggers_delivery WHERE endpoint_id = {mark} AND rejection <> '' AND id <= "  # noqa: S608
            f"(SELECT id FROM triggers_delivery WHERE endpoint_id = {mark} AND rejection <> ''"
            f" ORDER BY id DESC LIMIT 1 OFFSET {mark})",
            (endpoint_id, endpoint_id, keep),
        )

    def add_lines(self, lines: Sequence[Line]) -> list[int]:
        """Write lines of the journal; their ids, in order."""
        group = f"({', '.join([self.mark] * 7)}, {self.json_mark})"
        rows = self.execute(
            'INSERT INTO accounts_journalentry (kind, object_id, came_from, "to", reason, "by", at, refs)'  # noqa: S608
            f" VALUES {_groups(group, len(lines))} RETURNING id",
            [value for line in lines for value in self._line(line)],
        )
        return [row[0] for row in rows]

    def forget_lines(self, ids: Sequence[int]) -> None:
        """Take lines of the journal away, for others that say the same."""
        if ids:
            self.execute(f"DELETE FROM accounts_journalentry WHERE id IN ({_groups(self.mark, len(ids))})", ids)  # noqa: S608

    def _line(self, line: Line) -> tuple[Any, ...]:
        about = (line.kind, line.object_id, line.came_from, line.to, line.reason, line.by)
        return (*about, self.time(line.at), json.dumps(line.refs))

    def _wanted(self, count: int) -> str:
        return f"WITH wanted (connection_id, delivery_key) AS (VALUES {_groups(f'({self.mark}, {self.mark})', count)})"

    def time(self, at: datetime) -> Any:
        """A moment as the database's columns hold it."""
        if at.tzinfo is not UTC:
            at = at.astimezone(UTC)
        return at.isoformat(" ")[: -len("+00:00")]


# A cross join keeps this order: SQLite answers "(a, b) IN (VALUES …)" by reading the whole index.
_STORED = (
    "FROM wanted CROSS JOIN triggers_delivery d"
    " WHERE d.connection_id = wanted.connection_id AND d.delivery_key = wanted.delivery_key"
)
_POSTGRES_TYPES = (
    "bigint", "bigint", "bigint", "text", "text", "text", "bytea", "text", "jsonb", "text", "boolean", "text", "bigint",
    "timestamptz",
)  # fmt: skip


# Key by key (OFFSET 0 keeps it so): a join was planned as a hash over the whole table.
_POSTGRES_STORED = (
    "FROM unnest(%s::bigint[], %s::text[]) AS k(c, k) CROSS JOIN LATERAL (SELECT id, connection_id, delivery_key,"
    " body_hash FROM triggers_delivery WHERE connection_id = k.c AND delivery_key = k.k OFFSET 0) d"
)


class PostgresStatements(Statements):
    """The same with one array per column: one prepared statement whatever the size of the batch, and fewer of them, as
    each is a way there and back.
    """

    WORK = (
        ", work AS (INSERT INTO triggers_pendingdelivery (delivery_id, tries) SELECT id, 0 FROM stored WHERE accepted)"
    )

    def __init__(self, execute: Execute, mark: str) -> None:
        super().__init__(execute, mark)
        self.json_mark = f"{mark}::jsonb"

    def look(self, keys: Sequence[Key], count: int) -> Look:
        """As above; the generation is held against a bump, the ids come from the table's sequence."""
        row = self.execute(
            "SELECT value, ARRAY(SELECT nextval(pg_get_serial_sequence('triggers_delivery', 'id'))"  # noqa: S608 - marks only
            f" FROM generate_series(1, %s)), EXISTS (SELECT {_POSTGRES_STORED})"
            " FROM triggers_generation WHERE id = 1 FOR SHARE",
            (count, *_columns(keys)),
        )[0]
        return Look(*row)

    def known(self, keys: Sequence[Key]) -> list[tuple[int, int, str, str]]:
        rows = self.execute(
            f"SELECT d.id, d.connection_id, d.delivery_key, d.body_hash {_POSTGRES_STORED}",
            _columns(keys),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def insert(self, rows: Sequence[Row]) -> set[int]:
        """As above. Sorted by key, so that two servers with the same keys never wait for each other in a circle."""
        ordered = sorted(rows, key=lambda row: (row.connection_id, row.delivery_key or "", row.body_hash))
        arrays = ", ".join(f"%s::{kind}[]" for kind in _POSTGRES_TYPES)
        inserted = self.execute(
            f"WITH stored AS (INSERT INTO triggers_delivery ({_COLUMNS}) SELECT * FROM unnest({arrays})"  # noqa: S608 - marks only
            f" ON CONFLICT DO NOTHING RETURNING id, rejection = '' AS accepted){self.WORK} SELECT id FROM stored",
            [list(column) for column in zip(*ordered, strict=True)],
        )
        return {row[0] for row in inserted}

    def count_duplicates(self, counts: Mapping[int, int], at: datetime) -> None:
        ordered = sorted(counts.items())
        self.execute(
            "INSERT INTO triggers_deliveryduplicates AS d (delivery_id, count, last_at)"
            " SELECT n.id, n.count, %s::timestamptz FROM unnest(%s::bigint[], %s::int[]) AS n(id, count)"
            " ON CONFLICT (delivery_id) DO UPDATE SET count = d.count + excluded.count, last_at = excluded.last_at",
            (at, [delivery for delivery, _ in ordered], [count for _, count in ordered]),
        )

    def time(self, at: datetime) -> datetime:
        return at


def statements(vendor: str, execute: Execute, *, mark: str = "%s") -> Statements:
    """The statements for a database of ``vendor`` (``sqlite`` or ``postgresql``) on the connection behind
    ``execute``.
    """
    return PostgresStatements(execute, "%s") if vendor == "postgresql" else Statements(execute, mark)


def _columns(keys: Sequence[Key]) -> tuple[list[int], list[str]]:
    return [key[0] for key in keys], [key[1] for key in keys]


@lru_cache(maxsize=2048)
def _groups(group: str, count: int) -> str:
    return ", ".join([group] * count)
