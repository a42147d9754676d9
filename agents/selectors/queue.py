"""Who waits for a start, at which position, and why, in words."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from agents.capacity import Need, PoolRoom, Room, goes_first, key_is_full
from agents.enums import Pool, StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.capacity import PRECEDENCE, need_of, read_room, ready, starts_under_key
from agents.starts import held_by

NOUNS = {Pool.AGENTS: "agent", Pool.WORKSPACES: "workspace"}
_BEHIND = "; its event was old, so fresh ones of its priority go first"
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
    for start in _in_order(now, room, limit):
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
    room = read_room(limits)
    return Waiting(start, _ahead(start, room, now) + 1, _capacity_reason(room, need_of(start, limits), limits))


def _in_order(now: datetime, room: Room, limit: int) -> list[StartRequest]:
    """The ready ones as an admission would look at them."""
    found = list(ready(now)[:limit])
    if not room.is_backlog_idle:
        return found
    head = _head_of_backlog(now)
    if head is None:
        return found
    others = [start for start in found if start.pk != head.pk]
    place = next((i for i, start in enumerate(others) if goes_first(head, start, room)), len(others))
    return [*others[:place], head, *others[place:]][:limit]


def _ahead(start: StartRequest, room: Room, now: datetime) -> int:
    """How many that are ready go before it."""
    level = Q(priority=start.priority, is_resumed=start.is_resumed)
    above = Q(priority__gt=start.priority)
    if not start.is_resumed:
        above |= Q(priority=start.priority, is_resumed=True)
    same_turn = Q(backlog_turn=start.backlog_turn, pk__lt=start.pk)
    before = above | level & (same_turn | Q(backlog_turn__lt=start.backlog_turn))
    head = _head_of_backlog(now) if room.is_backlog_idle else None
    if head is not None and head.pk == start.pk:
        return ready(now).filter(above).count()
    ahead = ready(now).filter(before).count()
    is_passed = head is not None and not start.backlog_turn and _level(head) == _level(start)
    return ahead + is_passed


def _level(start: StartRequest) -> tuple[int, bool]:
    return start.priority, start.is_resumed


def _head_of_backlog(now: datetime) -> StartRequest | None:
    return ready(now).filter(backlog_turn__gt=0).first()


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
    full = room.full_of_backlog(need)
    if full:
        return _full_of_backlog(room.pools[full[0]])
    too_large = room.never_fits(need)
    if too_large is not None:
        most = room.pools[too_large].most(is_high=need.is_high)
        return f"it needs {need.units(too_large)} {NOUNS[too_large]} slots; at most {most} may be used"
    for pool, one in room.pools.items():
        if need.units(pool) and not one.fits(need.units(pool), is_high=need.is_high):
            return _full(one, limits) + (_BEHIND if need.is_backlog else "")
    return "it is looked at next"


def _full_of_backlog(room: PoolRoom) -> str:
    held = f"{room.used_backlog} {NOUNS[room.pool]} slot{'s' if room.used_backlog > 1 else ''}"
    return f"the backlog of old events holds {held}, of {room.most_backlog} that it may; fresh ones go first"


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
