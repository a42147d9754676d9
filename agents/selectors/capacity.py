"""How the pools stand, and what a start takes of them."""

from dataclasses import dataclass

from django.db import connection

from agents.capacity import Need, PoolRoom, Room, backlog_share, reserved_share
from agents.enums import Pool
from agents.models import Limits, StartRequest
from dct_site.kernel.rows import found

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


def limits_now() -> Limits:
    """The one row, past the ORM: it is asked for before every admission."""
    return found(Limits, "id = 1", [])[0]


_IN_USE = """
    SELECT pool, SUM(units), SUM(CASE WHEN is_reserved_class THEN 0 ELSE units END),
        SUM(CASE WHEN is_backlog THEN units ELSE 0 END)
    FROM agents_slotholder GROUP BY pool
"""


def read_room(limits: Limits) -> Room:
    """The room as the holder rows say; exact under the capacity lock, a hint without it."""
    room = empty_room(limits)
    with connection.cursor() as cursor:
        cursor.execute(_IN_USE)
        for name, used, low, backlog in cursor.fetchall():
            pool = room.pools[Pool(name)]
            pool.used, pool.used_low, pool.used_backlog = int(used), int(low), int(backlog)
    return room


def need_of(start: StartRequest, limits: Limits) -> Need:
    return Need(
        agents=start.agents,
        workspaces=start.workspaces,
        is_high=start.priority >= limits.reserved_from_priority,
        is_backlog=start.backlog_turn > 0,
    )


def slots() -> list[PoolSlots]:
    """Both pools as the status page shows them."""
    return [
        PoolSlots(pool=pool, limit=room.limit, busy=room.used, free=room.free_low, kept=room.free - room.free_low)
        for pool, room in read_room(limits_now()).pools.items()
    ]
