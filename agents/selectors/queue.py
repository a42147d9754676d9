"""Who waits for a start, at which position, and why, in words."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from agents.capacity import Need, PoolRoom, Room
from agents.enums import Pool, StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.capacity import PRECEDENCE, key_is_full, need_of, read_room, ready, starts_under_key
from agents.starts import held_by

NOUNS = {Pool.AGENTS: "agent", Pool.WORKSPACES: "workspace"}
OPEN = (StartStatus.WAITING, StartStatus.PARKED)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One that waits. ``position`` counts from 1 among those that are ready; None for one that could not start even
    if all slots were free (its time has not come, its trigger is paused or at its own limit).
    """

    start: StartRequest
    position: int | None
    reason: str

    def __str__(self) -> str:
        return self.reason if self.position is None else f"position {self.position}: {self.reason}"


def queue(*, now: datetime, limit: int = 100) -> list[Waiting]:
    """The first ``limit`` that wait: the ready ones by precedence, then those held back otherwise."""
    limits = Limits.objects.get(pk=1)
    room = read_room(limits)
    found = []
    position = 0
    for start in ready(now)[:limit]:
        reason = held_by(start) or _key_reason(start)
        if not reason:
            position += 1
            reason = _capacity_reason(room, need_of(start, limits), limits)
            found.append(Waiting(start, position, reason))
        else:
            found.append(Waiting(start, None, reason))
    rest = StartRequest.objects.filter(Q(status=StartStatus.PARKED) | Q(status=StartStatus.WAITING, not_before__gt=now))
    later = rest.order_by(*PRECEDENCE)[: limit - len(found)]
    return [*found, *(Waiting(start, None, _held_reason(start, now)) for start in later)]


def waiting(start: StartRequest, *, now: datetime) -> Waiting | None:
    """Position and reason of one start; None when it waits no longer."""
    if start.status not in OPEN:
        return None
    if start.status == StartStatus.PARKED or (start.not_before and start.not_before > now):
        return Waiting(start, None, _held_reason(start, now))
    reason = held_by(start) or _key_reason(start)
    if reason:
        return Waiting(start, None, reason)
    limits = Limits.objects.get(pk=1)
    before = Q(priority__gt=start.priority) | Q(priority=start.priority, is_resumed=start.is_resumed, pk__lt=start.pk)
    if not start.is_resumed:
        before |= Q(priority=start.priority, is_resumed=True)
    ahead = ready(now).filter(before).count()
    return Waiting(start, ahead + 1, _capacity_reason(read_room(limits), need_of(start, limits), limits))


def _held_reason(start: StartRequest, now: datetime) -> str:
    if start.not_before and start.not_before > now:
        shown = "%H:%M" if start.not_before.date() == now.date() else "%Y-%m-%d %H:%M"
        return f"not before {start.not_before.strftime(shown)}"
    return held_by(start) or _key_reason(start) or start.reason or "it is looked at next"


def _key_reason(start: StartRequest) -> str:
    if not start.concurrency_key or start.key_limit is None:
        return ""
    return key_is_full(starts_under_key(start.concurrency_key), start.key_limit)


def _capacity_reason(room: Room, need: Need, limits: Limits) -> str:
    if limits.is_paused:
        return "all starts are paused"
    too_large = room.never_fits(need)
    if too_large is not None:
        most = room.pools[too_large].most(is_high=need.is_high)
        return f"it needs {need.units(too_large)} {NOUNS[too_large]} slots; at most {most} may be used"
    for pool, one in room.pools.items():
        if need.units(pool) and not one.fits(need.units(pool), is_high=need.is_high):
            return _full(one, limits)
    return "it is looked at next"


def _full(room: PoolRoom, limits: Limits) -> str:
    noun = NOUNS[room.pool]
    if room.limit == 0:
        return f"starts are paused: the limit of {noun}s is 0"
    if room.free == 0:
        return f"the only {noun} slot is busy" if room.limit == 1 else f"all {room.limit} {noun} slots are busy"
    if room.free_low == 0 and room.reserved:
        kept = f"{room.reserved} of {room.limit} {noun} slots {'is' if room.reserved == 1 else 'are'} kept"
        return f"{kept} for priority {limits.reserved_from_priority} and above"
    return f"only {room.free} of {room.limit} {noun} slots {'is' if room.free == 1 else 'are'} free"
