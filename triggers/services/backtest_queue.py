"""What would have queued: the starts of a back-test between those that really happened, under the present limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from statistics import median

from django.db.models import QuerySet

from agents.forecast import Arrival, forecast
from agents.models import Limits
from agents.selectors.capacity import empty_room
from triggers.documents import Document
from triggers.models import Execution, Trigger
from triggers.services.execution_start import start_key

MOST_DURATIONS = 200
MOST_OTHERS = 20_000


@dataclass(frozen=True)
class Queueing:
    """``starts`` were simulated, ``waited`` of them longer than a second, ``never`` would not start. Seconds.

    ``durations`` is how many recorded runs say how long one takes; of its own, or of all where it has none
    (``is_own``). Without any nothing is simulated, and the figures are 0.
    """

    starts: int = 0
    durations: int = 0
    is_own: bool = False
    waited: int = 0
    never: int = 0
    median_s: float = 0.0
    longest_s: float = 0.0


def queueing(
    *, trigger: Trigger, document: Document, starts: Sequence[datetime], since: datetime, until: datetime
) -> Queueing:
    """Simulate admission of ``starts`` beside all other executions of the window, as long as each of them worked.

    Every start holds one agent and one workspace from its beginning to its end, a person's answer included; others
    are simulated with the priority that they had, and without their own key.
    """
    took, is_own = _durations(trigger)
    if not starts or not took:
        return Queueing(is_own=is_own)
    limits, work = Limits.objects.get(pk=1), cycle(took)
    mine = [
        Arrival(
            at=at.timestamp(),
            work_s=next(work),
            priority=document.priority,
            key=start_key(trigger.pk),
            key_limit=document.limits.max_concurrent,
            expires_s=document.limits.expires_s,
        )
        for at in starts
    ]
    arrivals = [*mine, *_others(trigger, since, until)]
    waits = forecast(arrivals, room=empty_room(limits), high_from=limits.reserved_from_priority)[: len(mine)]
    begun = [wait for wait in waits if wait is not None]
    return Queueing(
        starts=len(mine),
        durations=len(took),
        is_own=is_own,
        waited=sum(wait > 1 for wait in begun),
        never=len(mine) - len(begun),
        median_s=median(begun) if begun else 0.0,
        longest_s=max(begun, default=0.0),
    )


def _durations(trigger: Trigger) -> tuple[list[float], bool]:
    """Seconds that recorded runs took, oldest first; the trigger's own, or where it has none those of all."""
    own = _taken(Execution.objects.filter(trigger=trigger))
    return (own, True) if own else (_taken(Execution.objects.all()), False)


def _taken(rows: QuerySet[Execution]) -> list[float]:
    ended = rows.filter(started_at__isnull=False, ended_at__isnull=False).order_by("-id")
    pairs = list(ended.values_list("started_at", "ended_at")[:MOST_DURATIONS])
    return [_worked(start, end) for start, end in reversed(pairs)]


def _others(trigger: Trigger, since: datetime, until: datetime) -> list[Arrival]:
    rows = Execution.objects.exclude(trigger=trigger).filter(
        started_at__isnull=False, ended_at__isnull=False, queued_at__gte=since, queued_at__lt=until
    )
    # The newest: with a cap somewhere, the recent past is the better prediction.
    found = rows.order_by("-id").values_list("queued_at", "not_before", "started_at", "ended_at", "priority")
    return [
        Arrival((wait or queued).timestamp(), _worked(start, end), priority)
        for queued, wait, start, end, priority in found[:MOST_OTHERS]
    ]


def _worked(start: datetime | None, end: datetime | None) -> float:
    """Seconds; a clock that was set back makes none of them negative."""
    return max(0.0, (end - start).total_seconds()) if start is not None and end is not None else 0.0
