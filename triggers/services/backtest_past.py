"""The events before the one that a back-test is at, for conditions that look at others: as live, but read in bulk."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter

from triggers.conditions.leaves.count import MOST
from triggers.services.decide_past import Mark, Scope, Stored, events_of, marks_in

MOST_SEEN = 2_000
"""Events that are kept with what they said; one question never needs more than ``MOST``."""
MOST_MARKS = 100_000
"""Events of which no more is kept than when they came."""


class StoredThen(Stored):
    """Stored events as they were when one of them was decided: from ``at`` on none is seen.

    A slice reads of each item or connection once when its events came, those up to ``upto``; ``at`` goes up only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        self._upto = 0
        self._lines: dict[Scope, list[Mark]] = {}
        self._size = 0

    def begin_slice(self, *, after: int, upto: int) -> None:
        """What comes next is asked of events after one, up to another."""
        self.at, self._upto = after + 1, upto
        self._forget()

    def marks_of(self, scope: Scope, before: int | None) -> Sequence[Mark]:
        at = self.at if before is None else before
        line = self._lines.get(scope)
        if line is None:
            line = self._read(scope, at)
        end = bisect_left(line, at, key=attrgetter("pk"))
        return line[max(0, end - MOST - 1) : end][::-1]

    def load(self, ids: Iterable[int]) -> None:
        wanted = list(ids)
        if len(self.seen) + len(wanted) > MOST_SEEN:
            self.seen = {pk: self.seen[pk] for pk in wanted if pk in self.seen}
        super().load(wanted)

    def _read(self, scope: Scope, at: int) -> list[Mark]:
        """Oldest first. Those of the slice are at most as many as its ids."""
        rows = events_of(scope)
        line = marks_in(rows.filter(pk__lt=at)[: MOST + 1])[::-1]
        line += marks_in(rows.filter(pk__gte=at, pk__lte=self._upto).order_by("pk"))
        if self._size + len(line) > MOST_MARKS:
            self._forget()
        self._lines[scope] = line
        self._size += len(line)
        return line

    def _forget(self) -> None:
        self._lines.clear()
        self._size = 0
