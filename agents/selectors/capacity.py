"""How the pools stand, who is ready to start, and how many run under one key."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet, Sum

from agents.capacity import Need, PoolRoom, Room, backlog_share, reserved_share
from agents.enums import Pool, StartStatus
from agents.models import Limits, SlotHolder, StartRequest

PRECEDENCE = ("-priority", "-is_resumed", "backlog_turn", "id")


@dataclass(frozen=True, slots=True)
class PoolSlots:
    """One pool for people: slots in all, busy, free for anyone, and free but kept for high priority."""

    pool: Pool
    limit: int
    busy: int
    free: int
    kept: int


def empty_room(limits: Limits) -> Room:
    """The room while nothing runs."""
    caps = {Pool.AGENTS: limits.max_agents, Pool.WORKSPACES: limits.max_workspaces}
    return Room({pool: _empty_pool(pool, cap, limits) for pool, cap in caps.items()})


def _empty_pool(pool: Pool, cap: int, limits: Limits) -> PoolRoom:
    reserved = reserved_share(cap, limits.reserved_percent)
    return PoolRoom(pool, cap, reserved=reserved, most_backlog=backlog_share(cap, limits.backlog_percent))


def read_room(limits: Limits) -> Room:
    """The room as the holder rows say; exact under the capacity lock, a hint without it."""
    room = empty_room(limits)
    counted = (
        SlotHolder.objects.order_by()
        .values("pool")
        .annotate(
            all=Sum("units"),
            low=Sum("units", filter=Q(is_reserved_class=False)),
            backlog=Sum("units", filter=Q(start__backlog_turn__gt=0)),
        )
    )
    for row in counted:
        pool = room.pools[Pool(row["pool"])]
        pool.used, pool.used_low, pool.used_backlog = row["all"] or 0, row["low"] or 0, row["backlog"] or 0
    return room


def ready(now: datetime) -> QuerySet[StartRequest]:
    """Waiting starts whose time has come, by precedence. What has expired is not ready.

    In an admission the first of a backlog goes before fresh ones while none of it is at work; see ``goes_first``.
    """
    return StartRequest.objects.filter(
        Q(not_before=None) | Q(not_before__lte=now),
        Q(expires_at=None) | Q(expires_at__gt=now),
        status=StartStatus.WAITING,
    ).order_by(*PRECEDENCE)


def need_of(start: StartRequest, limits: Limits) -> Need:
    return Need(
        agents=start.agents,
        workspaces=start.workspaces,
        is_high=start.priority >= limits.reserved_from_priority,
        is_backlog=start.backlog_turn > 0,
    )


def starts_under_key(key: str) -> int:
    """How many starts of one key hold slots."""
    return StartRequest.objects.filter(concurrency_key=key, status=StartStatus.ADMITTED).count()


def slots() -> list[PoolSlots]:
    """Both pools as the status page shows them."""
    found = []
    for pool, room in read_room(Limits.objects.get(pk=1)).pools.items():
        kept = room.free - room.free_low
        found.append(PoolSlots(pool=pool, limit=room.limit, busy=room.used, free=room.free_low, kept=kept))
    return found
