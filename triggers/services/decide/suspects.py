"""What waited when this process began: one of these deliveries may be what ended the process before it.

An error is caught and its delivery taken out. A parser that ends the process (a crash in a library, memory that the
kernel refuses) leaves nobody to catch it, and the delivery waits for the next process. So what was found waiting is
counted before it is touched: what was counted before is decided alone, and what has ended one process after the other
is given up.
"""

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import F, Max

from triggers.models import PendingDelivery

GIVEN_UP_AFTER = 5
"""Tries that ended with their process."""
COUNTED_AT_ONCE = 100
"""To count is a commit of its own; after an end that many are decided one by one."""


class Suspects:
    """The deliveries that were there before this process. Each is counted once by it: what a living process could not
    decide (the database was away, somebody was quicker) did not end it.
    """

    def __init__(self) -> None:
        self.until: int | None = None
        self._survived: set[int] = set()

    def split(self, ids: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """(those found waiting and not yet counted, the others). The first call of a process says where it began."""
        if self.until is None:
            self.until = PendingDelivery.objects.aggregate(latest=Max("pk"))["latest"] or 0
        found = {pk for pk in ids if pk <= self.until}
        if not found:
            self._survived.clear()
        found -= self._survived
        return [pk for pk in ids if pk in found], [pk for pk in ids if pk not in found]

    def in_portions(self, ids: Sequence[int]) -> Iterator[tuple[Sequence[int], bool]]:
        """(delivery ids that may be decided together, whether they are given up instead), in order. Each is counted,
        and that is committed, before it is handed out; what another decider holds is left to it.
        """
        if not ids:
            return
        tries = dict(PendingDelivery.objects.filter(pk__in=ids).values_list("pk", "tries"))
        portion: list[int] = []
        for pk in sorted(tries):
            if portion and (tries[pk] or len(portion) == COUNTED_AT_ONCE):
                yield self._counted(portion), False
                portion = []
            if tries[pk]:
                yield self._counted([pk]), tries[pk] >= GIVEN_UP_AFTER
            else:
                portion.append(pk)
        if portion:
            yield self._counted(portion), False

    def _counted(self, ids: Sequence[int]) -> Sequence[int]:
        with transaction.atomic():
            rows = PendingDelivery.objects.select_for_update(skip_locked=True).filter(pk__in=ids).order_by("pk")
            free = list(rows.values_list("pk", flat=True))
            PendingDelivery.objects.filter(pk__in=free).update(tries=F("tries") + 1)
        self._survived.update(free)
        return free


suspects = Suspects()
