"""What would have queued: the starts of a back-test between those that really happened, under the present limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from statistics import median
from typing import NamedTuple

from django.db.models import QuerySet

from agents.forecast import Arrival, forecast
from agents.models import Limits
from agents.selectors.capacity import empty_room
from triggers.documents import Document
from triggers.models import Execution, Trigger
from triggers.services.backtest.bounds import OwnBounds
from triggers.services.execution_start import start_key

MOST_DURATIONS = 200
MOST_OTHERS = 20_000


class Start(NamedTuple):
    """One firing's wish for capacity, in whole seconds: when it is asked for, when it may begin, how long it may wait
    from then on. ``item_id`` is 0 where it belongs to none; ``is_old``: it goes with the backlog.
    """

    asked_at: int
    at: int
    expires_s: int
    item_id: int
    is_old: int
    trust: int


@dataclass(frozen=True)
class Queueing:
    """``starts`` were simulated, ``waited`` of them longer than a second, ``never`` would not start. Seconds.

    ``old`` of them would have gone with a backlog. By the trigger's own bounds ``left_out`` would have asked for no run
    (overlap, or the queue was full), ``joined`` would have been taken in by one that waited, and ``displaced`` would
    have given way to a later one while they waited; none of these is among ``never``. ``replaced`` would have been
    cancelled at work by a later one.

    ``durations`` is how many recorded runs say how long one takes; of its own, or of all where it has none
    (``is_own``). Without any nothing is simulated, and the figures are 0.
    """

    starts: int = 0
    durations: int = 0
    is_own: bool = False
    waited: int = 0
    never: int = 0
    old: int = 0
    left_out: int = 0
    joined: int = 0
    displaced: int = 0
    replaced: int = 0
    median_s: float = 0.0
    longest_s: float = 0.0


def queueing(
    *, trigger: Trigger, document: Document, starts: Sequence[Start], since: datetime, until: datetime
) -> Queueing:
    """Simulate admission of ``starts`` beside all other executions of the window, as long as each of them worked.

    What counts: the limits of agents and workspaces of now, the reserved share, priorities, the backlog's share and its
    turns, ``max_concurrent`` and ``expires_s``; of the trigger's own bounds ``overlap`` (the turns of an item, and whom
    a newer one cancels), ``max_queued`` and its policy. Its cooldown, rate, storm brake and what it gathers were
    asked before (``Side``); whom an overlap leaves out has counted for them all the same, which is not so live.

    Every start holds one agent and one workspace from its beginning to its end, a person's answer included, and is
    tried once. Others are as they were: with their priority, key and place in a backlog, after the bounds of their
    triggers. Pauses are not simulated.
    """
    took, is_own = _durations(trigger)
    if not starts or not took:
        return Queueing(is_own=is_own)
    limits, work, key = Limits.objects.get(pk=1), cycle(took), start_key(trigger.pk)
    mine = [
        Arrival(
            at=start.at,
            work_s=next(work),
            priority=document.priority,
            key=key,
            key_limit=document.limits.max_concurrent,
            per_hour=document.limits.max_per_hour,
            per_day=document.limits.max_per_day,
            expires_s=start.expires_s,
            asked_at=start.asked_at,
            is_old=bool(start.is_old),
            turn=start.item_id if document.limits.goes_in_turn else None,
        )
        for start in starts
    ]
    gate = OwnBounds(starts, document.limits)
    arrivals = [*mine, *_others(trigger, since, until)]
    waits = forecast(arrivals, room=empty_room(limits), high_from=limits.reserved_from_priority, gates={key: gate})[
        : len(mine)
    ]
    begun = [wait for wait in waits if wait is not None]
    return Queueing(
        starts=len(mine),
        durations=len(took),
        is_own=is_own,
        waited=sum(wait > 1 for wait in begun),
        never=len(mine) - len(begun) - gate.left_out - gate.joined - gate.displaced,
        old=sum(start.is_old for start in starts),
        left_out=gate.left_out,
        joined=gate.joined,
        displaced=gate.displaced,
        replaced=gate.replaced,
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
    columns = ("queued_at", "not_before", "started_at", "ended_at", "priority")
    asked = ("start__concurrency_key", "start__key_limit", "start__backlog_turn")
    return [
        Arrival(
            at=(wait or queued).timestamp(),
            work_s=_worked(start, end),
            priority=priority,
            key=key or "",
            key_limit=key_limit,
            asked_at=queued.timestamp(),
            is_old=bool(turn),
        )
        for queued, wait, start, end, priority, key, key_limit, turn in rows.order_by("-id").values_list(
            *columns, *asked
        )[:MOST_OTHERS]
    ]


def _worked(start: datetime | None, end: datetime | None) -> float:
    """Seconds; a clock that was set back makes none of them negative."""
    return max(0.0, (end - start).total_seconds()) if start is not None and end is not None else 0.0
