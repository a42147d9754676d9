"""The one place where a status changes: a compare-and-swap along a declared table, with a journal entry in the same
transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from django.db import models, transaction

from dct_site.kernel import journal
from dct_site.kernel.rows import swap, swap_many

SYSTEM = "system"


class IllegalMove(Exception):
    """The table does not allow this move; a bug or a stale request, never retried."""


class LostRace(Exception):
    """Somebody else moved the row first; the caller looks again."""


@dataclass(frozen=True)
class Machine:
    """The statuses of one kind of row and where each may go.

    ``kind`` is the word for the row in the journal and on the websocket; ``moves`` maps every status to the
    statuses that may follow. A status that leads nowhere is terminal.
    """

    kind: str
    moves: Mapping[str, frozenset[str]]

    @property
    def terminal(self) -> frozenset[str]:
        return frozenset(status for status, nexts in self.moves.items() if not nexts)

    @property
    def open(self) -> frozenset[str]:
        return frozenset(self.moves) - self.terminal

    def allows(self, came_from: str, to: str) -> bool:
        return to in self.moves.get(came_from, frozenset())


def machine(kind: str, moves: Mapping[str, Iterable[str]]) -> Machine:
    """Build a Machine and refuse a table that leads to a status it does not list."""
    table = {str(status): frozenset(str(to) for to in nexts) for status, nexts in moves.items()}
    unknown = {to for nexts in table.values() for to in nexts} - set(table)
    if unknown:
        raise ValueError(f"{kind}: moves lead to statuses without an entry: {sorted(unknown)}")
    return Machine(kind=kind, moves=table)


class Moving(Protocol):
    """A model row with a status, its table, and what a reader of the journal may want to follow."""

    MOVES: ClassVar[Machine]
    pk: Any
    status: str

    def journal_refs(self) -> dict[str, int]: ...


Row = TypeVar("Row", bound=Moving)


def move(
    row: Row,
    to: str,
    *,
    now: datetime,
    reason: str = "",
    by: str = SYSTEM,
    guard: Mapping[str, Any] | None = None,
    keep_reason: bool = False,
    **fields: Any,
) -> Row:
    """Move ``row`` to ``to`` if it still stands where the caller saw it; set ``fields`` with it; write the journal
    entry. ``keep_reason`` puts the reason into the row's own ``reason`` too.

    ``guard`` adds conditions to the compare-and-swap (an epoch, an owner). Raises IllegalMove when the table has no
    such move and LostRace when the row has moved meanwhile or a guard does not hold. Joins the caller's transaction.
    """
    came_from = str(row.status)
    if not row.MOVES.allows(came_from, to):
        raise IllegalMove(f"{row.MOVES.kind} {row.pk}: {came_from} → {to} is not a move")
    stored = _stored(row)
    if keep_reason:
        fields["reason"] = reason[:1000]
    # No savepoint, which costs as much as the statement: a race that was lost has changed nothing and is told outside.
    with transaction.atomic(savepoint=False):
        is_moved = swap(stored, {"status": to, **fields}, where={"status": came_from, **(guard or {})})
        if is_moved:
            row.status = to
            for name, value in fields.items():
                setattr(row, name, value)
            refs = row.journal_refs()
            journal.write(journal.Line(row.MOVES.kind, row.pk, came_from, str(to), reason, by, now, refs))
    if not is_moved:
        raise LostRace(f"{row.MOVES.kind} {row.pk} is no longer {came_from}")
    return row


def move_many(rows: Sequence[Row], to: str, *, now: datetime, journal_reason: str = "", **fields: Any) -> list[Row]:
    """Move rows of one model and one status at once, with one statement and one for the journal; those that moved.

    Whoever moved meanwhile is left out. Raises IllegalMove. Joins the caller's transaction.
    """
    if not rows:
        return []
    came_from = str(rows[0].status)
    if not all(row.MOVES.allows(str(row.status), to) and row.status == came_from for row in rows):
        raise IllegalMove(f"{rows[0].MOVES.kind}: not all of these may go from {came_from} to {to} together")
    with transaction.atomic(savepoint=False):
        stored = [_stored(row) for row in rows]
        gone = swap_many(stored, {"status": to, **fields}, where={"status": came_from})
        moved = [row for row in rows if row.pk in gone]
        for row in moved:
            row.status = to
            for name, value in fields.items():
                setattr(row, name, value)
        told = (came_from, str(to), journal_reason, SYSTEM, now)
        journal.write(*(journal.Line(row.MOVES.kind, row.pk, *told, row.journal_refs()) for row in moved))
    return moved


def born(*rows: Moving, now: datetime, reason: str = "", by: str = SYSTEM) -> None:
    """Write the journal entries of rows that were just created in their first status, all in one statement."""
    journal.write(
        *(
            journal.Line(row.MOVES.kind, row.pk, "", str(row.status), reason, by, now, row.journal_refs())
            for row in rows
        )
    )


def _stored(row: Moving) -> models.Model:
    if not isinstance(row, models.Model):
        raise TypeError(f"{row!r} is not a model row")
    return row
