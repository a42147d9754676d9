"""How much is decided at once: as much as a short turn of the write lock lets through.

All writers of a SQLite file wait while a batch is written, the door among them. A delivery may come to nothing or to an
event, its item's state, its answers and their executions, so what a batch will take is told by the rows that it writes.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from triggers.services.decide.plan import Plan

TARGET_S = 0.009
"""The CPU time that a batch should spend while it holds the write lock.

A batch costs 3 ms whatever is in it. Where every event fires, six fit into 6 ms, and 500 events a second fall behind;
nine or ten fit into 9, which keep up, with the same p99 of the door. At 12 the door waits for longer.
"""
MAX_BATCH = 100
_SINGLE_S = 0.001
"""What a batch takes whatever is in it."""
_ROWS_OF_EXECUTION = 12
_ROWS_OF_DISPLACEMENT = 40
"""What is cancelled is read, moved and noted one at a time."""
_ROWS_OF_DISARMING = 4
"""One at a time, too."""
_WRONG = 1.5
"""An estimate is not taken at its word."""


def rows_of(plan: Plan) -> int:
    """About how many rows the commit of a plan writes."""
    events, answers = len(plan.planned), sum(len(one.answers) for one in plan.planned)
    displaced = sum(len(answer.displaces) + len(answer.replaces) for _, answer in plan.fired)
    rows = 2 * len(plan.readings) + 4 * events + answers + _ROWS_OF_EXECUTION * len(plan.begun)
    watches = 2 * len(plan.watches.begun) + _ROWS_OF_DISARMING * len(plan.watches.ended)
    return rows + watches + _ROWS_OF_DISPLACEMENT * displaced


class Pace:
    """Sizes batches by what the last ones took.

    CPU time of the thread, not time of the clock: a slow disk or a long wait for the lock would shrink the batches, and
    small batches make both worse.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin as a new process does."""
        self.size = 10
        self._per_row_s = 0.0

    def batches(self, ids: Sequence[int]) -> Iterator[Sequence[int]]:
        start = 0
        while start < len(ids):
            batch = ids[start : start + self.size]
            start += len(batch)
            yield batch

    def fits(self, rows: int) -> bool:
        """Whether so many rows are likely to be written in time."""
        return rows * self._per_row_s <= TARGET_S * _WRONG

    def shrink(self, count: int, rows: int) -> int:
        """How many of so many that would write too many rows are to be decided at once, from now on too: what was
        prepared for nothing costs as much as what is written.
        """
        likely = rows * self._per_row_s
        self.size = max(1, min(count - 1, int(count * TARGET_S / likely) if likely else count // 2))
        return self.size

    @contextmanager
    def measured(self, count: int, rows: int) -> Iterator[None]:
        """Learn from a batch of so many that writes so many rows."""
        began = time.thread_time()
        try:
            yield
        finally:
            self.took(time.thread_time() - began, count, rows)

    def took(self, seconds: float, count: int, rows: int) -> None:
        """A small batch that was quick says nothing of a larger one."""
        if rows:
            found = max(0.0, seconds - _SINGLE_S) / rows
            # One that was interrupted by a garbage collection says little; many that are slow are believed soon.
            self._per_row_s += (found - self._per_row_s) * (0.2 if self._per_row_s else 1.0)
        if seconds > TARGET_S:
            self.size = max(1, int(self.size * max(0.25, TARGET_S / seconds)))
        elif seconds < TARGET_S * 0.75 and count >= self.size:
            self.size = min(MAX_BATCH, self.size + 1 + self.size // 4)


pace = Pace()
