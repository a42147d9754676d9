"""The SQL of intake: how a batch of deliveries goes in with a handful of statements, on SQLite and on PostgreSQL.

The only raw SQL that writes deliveries. It runs on whatever connection it is given (the door's own, or Django's),
inside the caller's transaction. One statement per table and batch: with one insert per delivery the door accepted
half as much.
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


_COLUMNS = ", ".join(Row._fields)
_GROUP = ", ".join(["{0}"] * len(Row._fields))


class Statements:
    """The statements in SQLite's words; ``mark`` is the placeholder of the connection they run on (``?`` or ``%s``)."""

    def __init__(self, execute: Execute, mark: str) -> None:
        self.execute = execute
        self.mark = mark
        self.json_mark = mark

    def generation(self) -> int:
        """The generation, held to the end of the transaction (SQLite has one writer at a time)."""
        return int(self.execute("SELECT value FROM triggers_generation WHERE id = 1", ())[0][0])

    def next_ids(self, count: int) -> Sequence[int]:
        """Ids that nobody else uses, in order. On SQLite the caller's transaction holds the write lock."""
        found = self.execute("SELECT seq FROM sqlite_sequence WHERE name = 'triggers_delivery'", ())
        first = int(found[0][0]) + 1 if found else 1
        return range(first, first + count)

    def known(self, keys: Sequence[Key]) -> list[tuple[int, int, str, str]]:
        """(delivery id, connection id, key, body hash) of every stored delivery under one of the keys."""
        wanted = _groups(f"({self.mark}, {self.mark})", len(keys))
        # A cross join keeps this order: SQLite answers "(a, b) IN (VALUES …)" by reading the whole index.
        rows = self.execute(
            f"WITH wanted (connection_id, delivery_key) AS (VALUES {wanted})"  # noqa: S608 - marks only
            " SELECT d.id, d.connection_id, d.delivery_key, d.body_hash FROM wanted CROSS JOIN triggers_delivery d"
            " WHERE d.connection_id = wanted.connection_id AND d.delivery_key = wanted.delivery_key",
            [value for key in keys for value in key],
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def insert(self, rows: Sequence[Row]) -> set[int]:
        """Insert rows and return the ids that went in: the others were there already."""
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

    def time(self, at: datetime) -> Any:
        """A moment as the database's columns hold it."""
        if at.tzinfo is not UTC:
            at = at.astimezone(UTC)
        return at.isoformat(" ")[: -len("+00:00")]


_POSTGRES_TYPES = (
    "bigint", "bigint", "bigint", "text", "text", "text", "bytea", "text", "jsonb", "text", "boolean", "text", "bigint",
    "timestamptz",
)  # fmt: skip


class PostgresStatements(Statements):
    """The same with one array per column: one prepared statement whatever the size of the batch."""

    def __init__(self, execute: Execute, mark: str) -> None:
        super().__init__(execute, mark)
        self.json_mark = f"{mark}::jsonb"

    def generation(self) -> int:
        """The generation, held against a bump to the end of the transaction."""
        return int(self.execute("SELECT value FROM triggers_generation WHERE id = 1 FOR SHARE", ())[0][0])

    def next_ids(self, count: int) -> Sequence[int]:
        """Ids from the table's sequence, in order."""
        found = self.execute(
            "SELECT nextval(pg_get_serial_sequence('triggers_delivery', 'id')) FROM generate_series(1, %s)", (count,)
        )
        return [row[0] for row in found]

    def known(self, keys: Sequence[Key]) -> list[tuple[int, int, str, str]]:
        rows = self.execute(
            # Key by key (OFFSET 0 keeps it so): a join was planned as a hash over the whole table.
            "SELECT d.id, d.connection_id, d.delivery_key, d.body_hash FROM unnest(%s::bigint[], %s::text[]) AS k(c, k)"
            " CROSS JOIN LATERAL (SELECT id, connection_id, delivery_key, body_hash FROM triggers_delivery"
            " WHERE connection_id = k.c AND delivery_key = k.k OFFSET 0) d",
            ([key[0] for key in keys], [key[1] for key in keys]),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def insert(self, rows: Sequence[Row]) -> set[int]:
        """As above. Sorted by key, so that two servers with the same keys never wait for each other in a circle."""
        ordered = sorted(rows, key=lambda row: (row.connection_id, row.delivery_key or "", row.body_hash))
        columns = list(zip(*ordered, strict=True))
        arrays = ", ".join(f"%s::{kind}[]" for kind in _POSTGRES_TYPES)
        inserted = self.execute(
            f"INSERT INTO triggers_delivery ({_COLUMNS}) SELECT * FROM unnest({arrays})"  # noqa: S608 - marks only
            " ON CONFLICT DO NOTHING RETURNING id",
            [list(column) for column in columns],
        )
        return {row[0] for row in inserted}

    def add_pending(self, ids: Sequence[int]) -> None:
        self.execute(
            "INSERT INTO triggers_pendingdelivery (delivery_id, tries) SELECT unnest(%s::bigint[]), 0", (list(ids),)
        )

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


@lru_cache(maxsize=2048)
def _groups(group: str, count: int) -> str:
    return ", ".join([group] * count)
