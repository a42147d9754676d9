"""The events before the one that a back-test is at, for conditions that look at others: as live, but read in bulk."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from triggers.conditions.leaves.count import MOST
from triggers.services.decide.past import Mark, Scope, Stored, events_of, marks_in

MOST_SEEN = 2_000
"""Events that are kept with what they said; one question never needs more than ``MOST``."""
MOST_MARKS = 100_000
"""Events of which no more is kept than when they came."""


class StoredThen(Stored):
    """Stored events as they were when one of them was decided: from ``at`` on none is seen.

    Of each item or connection it is read at once when its events came, some time ahead of ``at``, which goes up only,
    to ``last_id`` at most and the one after it.
    """

    def __init__(self, last_id: int) -> None:
        super().__init__()
        self.at = 0
        self._last_id = last_id
        self._lines: dict[Scope, _Line] = {}
        self._size = 0

    def marks_of(self, scope: Scope, before: int | None) -> Sequence[Mark]:
        at = self.at if before is None else before
        line = self._lines.get(scope)
        if line is None or line.upto < at - 1:
            line = self._read(scope, at)
        end = bisect_left(line.marks, at, key=attrgetter("pk"))
        return line.marks[max(0, end - MOST - 1) : end][::-1]

    def load(self, ids: Iterable[int]) -> None:
        wanted = list(ids)
        if len(self.seen) + len(wanted) > MOST_SEEN:
            self.seen = {pk: self.seen[pk] for pk in wanted if pk in self.seen}
        super().load(wanted)

    def _read(self, scope: Scope, at: int) -> "_Line":
        rows = events_of(scope)
        ahead = marks_in(rows.filter(pk__gte=at, pk__lte=self._last_id).order_by("pk")[:MOST])
        upto = ahead[-1].pk if len(ahead) == MOST else self._last_id
        line = _Line(marks_in(rows.filter(pk__lt=at)[: MOST + 1])[::-1] + ahead, upto)
        if self._size + len(line.marks) > MOST_MARKS:
            self._lines.clear()
            self._size = 0
        self._lines[scope] = line
        self._size += len(line.marks)
        return line


@dataclass(frozen=True)
class _Line:
    """When the events of an item or a connection came, oldest first: all of them up to ``upto``, as far as anybody
    looks back.
    """

    marks: list[Mark]
    upto: int
