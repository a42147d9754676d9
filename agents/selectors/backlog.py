"""How the backlog after an outage stands: how many wait, since when, how fast they start, and when they are through."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q

from agents.enums import Pool, StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.capacity import read_room

OPEN = (StartStatus.WAITING, StartStatus.PARKED)
LOOKED_BACK = timedelta(hours=1)
SHORTEST = timedelta(minutes=1)
"""Two that started a moment ago are no pace of hundreds a minute."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """``waiting`` starts, asked for since ``since``; ``busy`` of ``most`` agent slots. ``per_minute`` is how many began
    in the last hour, ``through_s`` the seconds that the rest takes at that pace; None where none has begun.
    """

    waiting: int
    since: datetime
    first: StartRequest
    busy: int
    most: int
    per_minute: float | None
    through_s: int | None


def backlog(*, now: datetime) -> Backlog | None:
    """The backlog; None where nothing of it waits."""
    open_ones = StartRequest.objects.filter(backlog_turn__gt=0, status__in=OPEN).order_by()
    found = open_ones.aggregate(waiting=Count("pk"), first=Min("pk"))
    first = StartRequest.objects.filter(pk=found["first"]).first()
    if first is None:
        return None
    waiting = found["waiting"]
    agents = read_room(Limits.objects.get(pk=1)).pools[Pool.AGENTS]
    pace = _per_minute(now)
    return Backlog(
        waiting=waiting,
        since=first.queued_at,
        first=first,
        busy=agents.used_backlog,
        most=min(agents.limit, agents.most_backlog or agents.limit),
        per_minute=pace,
        through_s=round(waiting / pace * 60) if pace else None,
    )


def _per_minute(now: datetime) -> float | None:
    """What began of the backlog within the hour, over the time since the first of it."""
    begun = StartRequest.objects.filter(Q(backlog_turn__gt=0), admitted_at__gt=now - LOOKED_BACK, admitted_at__lte=now)
    found = begun.aggregate(count=Count("pk"), first=Min("admitted_at"))
    if not found["count"]:
        return None
    return float(found["count"] / (max(SHORTEST, now - found["first"]) / timedelta(minutes=1)))


def turns_after(keys: set[str]) -> tuple[int, dict[str, int]]:
    """(the turn that a backlog is at, {key: its last turn that waits}), for those that join it."""
    open_ones = StartRequest.objects.filter(backlog_turn__gt=0, status__in=OPEN).order_by()
    at = open_ones.order_by("backlog_turn").values_list("backlog_turn", flat=True).first()
    if at is None:
        return 1, {}
    rows = open_ones.filter(concurrency_key__in=keys).values_list("concurrency_key").annotate(Max("backlog_turn"))
    return at, dict(rows)
