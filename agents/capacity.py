"""How much room the pools have, and whether a start fits: arithmetic without a database.

A pool that a start of higher precedence waits for is closed for everything behind it; otherwise a start that needs
several slots at once would starve. What needs nothing of that pool may pass.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from agents.enums import Pool


@dataclass(frozen=True, slots=True)
class Need:
    """What one start takes: units of each pool, whether its priority may use the reserved share, and whether it came of
    an old event.
    """

    agents: int
    workspaces: int
    is_high: bool
    is_backlog: bool = False

    def units(self, pool: Pool) -> int:
        return self.agents if pool == Pool.AGENTS else self.workspaces


@dataclass(slots=True)
class PoolRoom:
    """One pool: its limit, what is in use, what of that the low class holds, and the share kept for the high class;
    what a backlog holds, and the most that it may hold (None: everything).
    """

    pool: Pool
    limit: int
    used: int = 0
    used_low: int = 0
    reserved: int = 0
    is_closed: bool = False
    used_backlog: int = 0
    most_backlog: int | None = None

    @property
    def free(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def free_low(self) -> int:
        """What the low class may still take."""
        return max(0, min(self.free, self.limit - self.reserved - self.used_low))

    def most(self, *, is_high: bool) -> int:
        """What one start of the class could ever hold."""
        return self.limit if is_high else self.limit - self.reserved

    def fits(self, units: int, *, is_high: bool) -> bool:
        """Whether ``units`` may be taken now; nothing always fits."""
        return units == 0 or (not self.is_closed and units <= (self.free if is_high else self.free_low))

    def lets_backlog(self, units: int) -> bool:
        """Whether a backlog may hold ``units`` more. One start of any size may always be at work, or it never was."""
        if self.most_backlog is None or not units or not self.used_backlog:
            return True
        return self.used_backlog + units <= self.most_backlog

    def take(self, units: int, *, is_high: bool) -> None:
        self.used += units
        self.used_low += 0 if is_high else units

    def give_back(self, units: int, *, is_high: bool) -> None:
        self.used -= units
        self.used_low -= 0 if is_high else units


@dataclass(slots=True)
class Room:
    """Both pools during one admission pass."""

    pools: dict[Pool, PoolRoom] = field(default_factory=dict)

    def lacking(self, need: Need) -> list[Pool]:
        """The pools that hold a start back; empty when it fits."""
        return [pool for pool, room in self.pools.items() if not room.fits(need.units(pool), is_high=need.is_high)]

    def never_fits(self, need: Need) -> Pool | None:
        """A pool whose whole limit is smaller than the need. A limit of 0 is a pause, not this."""
        for pool, room in self.pools.items():
            if room.limit and need.units(pool) > room.most(is_high=need.is_high):
                return pool
        return None

    def full_of_backlog(self, need: Need) -> list[Pool]:
        """The pools of which a backlog holds all that it may; empty for what is fresh, or may be taken."""
        if not need.is_backlog:
            return []
        return [pool for pool, room in self.pools.items() if not room.lets_backlog(need.units(pool))]

    def take(self, need: Need) -> None:
        for pool, room in self.pools.items():
            room.take(need.units(pool), is_high=need.is_high)
            room.used_backlog += need.units(pool) if need.is_backlog else 0

    def give_back(self, need: Need) -> None:
        for pool, room in self.pools.items():
            room.give_back(need.units(pool), is_high=need.is_high)
            room.used_backlog -= need.units(pool) if need.is_backlog else 0

    def close(self, pools: Iterable[Pool]) -> None:
        for pool in pools:
            self.pools[pool].is_closed = True

    def is_open(self, pool: Pool) -> bool:
        return not self.pools[pool].is_closed and self.pools[pool].free > 0

    @property
    def is_backlog_idle(self) -> bool:
        """Whether no agent works on a backlog: then its first one goes before fresh ones of its priority."""
        return not self.pools[Pool.AGENTS].used_backlog

    @property
    def has_room(self) -> bool:
        return any(self.is_open(pool) for pool in self.pools)


def key_is_full(running: int, limit: int | None) -> str:
    """Why a key blocks, in words; empty when it does not."""
    return f"the trigger runs {running} of {limit}" if limit is not None and running >= limit else ""


class Ranked(Protocol):
    """A start, as far as it decides who goes before whom."""

    @property
    def priority(self) -> int:
        """1 to 10."""

    @property
    def is_resumed(self) -> bool:
        """It was at work already."""


def goes_first(old: Ranked, fresh: Ranked, room: Room) -> bool:
    """Whether the next of a backlog goes before the next fresh one. Of one level fresh ones go first, unless nothing of
    the backlog is at work: a steady stream of fresh events would otherwise keep it waiting for ever.
    """
    if (old.priority, old.is_resumed) != (fresh.priority, fresh.is_resumed):
        return (old.priority, old.is_resumed) > (fresh.priority, fresh.is_resumed)
    return room.is_backlog_idle


def reserved_share(limit: int, percent: int) -> int:
    """The slots kept for high priority: ``min(floor(limit × share), limit − 1)``, so that one is always for all."""
    return max(0, min(limit * percent // 100, limit - 1))


def backlog_share(limit: int, percent: int) -> int:
    """The slots that a backlog may hold: ``max(1, floor(limit × share))``, so that it always moves."""
    return max(1, limit * percent // 100)


MOST_AGEING = 2


def most_aged(priority: int, *, reserved_from: int) -> int:
    """The levels that waiting may raise a start by: two, and nobody of the low class to where the share begins.

    What is raised only goes before others of the low class; the share is a matter of its own priority.
    """
    top = 10 if priority >= reserved_from else reserved_from - 1
    return max(0, min(MOST_AGEING, top - priority))
