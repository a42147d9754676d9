"""Who waits for a start, at which position, and why, in words."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from agents.capacity import Need, PoolRoom, Room
from agents.enums import StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.capacity import PRECEDENCE, limits_now, need_of, read_room
from agents.selectors.gate import NOUNS, Gate, moment
from agents.selectors.lines import LEVELS, Ageing, Lines, Place
from agents.selectors.turns import is_turn, places_before

_BEHIND = "; its event was old, so fresh ones of its priority go first"
_NOBODY = Q(pk__in=[])
_EVERYBODY = ~_NOBODY
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
    limits = limits_now()
    room, gate = read_room(limits), Gate(limits, now)
    found = []
    position = 0
    for start in islice(Lines(limits, room, now, page=limit, learn=gate.learn, is_all=True), limit):
        block = gate.block(start)
        position += block is None
        reason = block.reason if block is not None else _capacity_reason(room, need_of(start, limits), limits)
        found.append(Waiting(start, position if block is None else None, reason))
    rest = StartRequest.objects.filter(Q(status=StartStatus.PARKED) | Q(status=StartStatus.WAITING, not_before__gt=now))
    later = list(rest.order_by(*PRECEDENCE)[: limit - len(found)])
    gate.learn(later)
    return [*found, *(Waiting(start, None, _held_reason(start, gate, now)) for start in later)]


def waiting(start: StartRequest, *, now: datetime) -> Waiting | None:
    """Position and reason of one start; None when it waits no longer."""
    if start.status not in OPEN:
        return None
    limits = limits_now()
    gate = Gate(limits, now)
    gate.learn([start])
    block = gate.block(start)
    if block is not None and is_turn(block.key):
        before = places_before(start)
        return Waiting(start, None, block.reason + (f"; {before} are before it" if before > 1 else ""))
    if block is not None and block == gate.short(start):
        return Waiting(start, None, f"{block.reason}; {_place_behind(block.key, start)}")
    if start.status == StartStatus.PARKED or (start.not_before and start.not_before > now):
        return Waiting(start, None, _held_reason(start, gate, now))
    if block is not None:
        return Waiting(start, None, block.reason)
    room = read_room(limits)
    ahead = _ahead(start, room, Ageing(limits, now), now)
    return Waiting(start, ahead + 1, _capacity_reason(room, need_of(start, limits), limits))


def _place_behind(key: str, start: StartRequest) -> str:
    """Which of those that wait behind a key is let in first."""
    behind = StartRequest.objects.filter(status=StartStatus.PARKED, parked_for=key, priority__gte=start.priority)
    before = Q(backlog_turn__lt=start.backlog_turn) | Q(backlog_turn=start.backlog_turn, pk__lt=start.pk)
    same = Q(is_resumed=start.is_resumed) & before
    first = Q(priority__gt=start.priority) | same | (_NOBODY if start.is_resumed else Q(is_resumed=True))
    count = behind.filter(first).count()
    return f"{count} that wait for it go first" if count else "it is the next that it lets in"


def _ahead(start: StartRequest, room: Room, ageing: Ageing, now: datetime) -> int:
    """How many that are ready go before it, if all begin."""
    ready = StartRequest.objects.filter(
        Q(not_before=None) | Q(not_before__lte=now),
        Q(expires_at=None) | Q(expires_at__gt=now),
        status=StartStatus.WAITING,
    ).annotate(since=Coalesce("not_before", "queued_at"))
    place = ageing.place_of(start)
    first = _first_of_backlog(ready, ageing) if room.is_backlog_idle else None
    if first is None:
        return ready.filter(_before(place, start.priority, ageing)).count()
    if first.pk == start.pk:  # it goes before all that are fresh of its level
        return ready.filter(_before(replace(place, turn=0, pk=0), start.priority, ageing)).count()
    head = ageing.place_of(first)
    is_passed = not place.turn and (head.raised, head.is_resumed) == (place.raised, place.is_resumed)
    return ready.filter(_before(place, start.priority, ageing)).count() + is_passed


def _first_of_backlog(ready: QuerySet[Any], ageing: Ageing) -> StartRequest | None:
    old = ready.filter(backlog_turn__gt=0)
    heads = [old.filter(priority=priority).order_by(*PRECEDENCE).first() for priority in LEVELS]
    places = {ageing.place_of(head): head for head in heads if head is not None}
    return min(places.items(), key=lambda one: one[0].key(is_backlog_idle=True))[1] if places else None


def _before(place: Place, own: int, ageing: Ageing) -> Q:
    """Those that go before a place in the line of priority ``own``."""
    found = _NOBODY
    for priority in LEVELS:
        found |= Q(priority=priority) & _before_in(priority, place, ageing, is_own=priority == own)
    return found


def _before_in(priority: int, place: Place, ageing: Ageing, *, is_own: bool) -> Q:
    """Of one priority, those that go before a place. In its own line nobody overtakes."""
    same_turn = Q(backlog_turn=place.turn, pk__lt=place.pk)
    in_turn = Q(is_resumed=place.is_resumed) & (same_turn | Q(backlog_turn__lt=place.turn))
    if not place.is_resumed:
        in_turn |= Q(is_resumed=True)
    most, lacking = ageing.most(priority), place.raised - priority
    if is_own or lacking < 0:
        return in_turn if is_own else _EVERYBODY
    if lacking > most:
        return _NOBODY
    equal = Q(since__lte=ageing.since(lacking)) if lacking else _EVERYBODY
    higher = Q(since__lte=ageing.since(lacking + 1)) if lacking < most else _NOBODY
    return higher | (equal & in_turn)


def _held_reason(start: StartRequest, gate: Gate, now: datetime) -> str:
    if start.not_before and start.not_before > now:
        if start.reason:
            return f"{start.reason}, begins at {moment(start.not_before, now, seconds=True)}"
        return f"not before {moment(start.not_before, now)}"
    block = gate.block(start)
    return block.reason if block is not None else "it is looked at next"


def _capacity_reason(room: Room, need: Need, limits: Limits) -> str:
    if limits.is_paused:
        return "all starts are paused"
    full = room.full_of_backlog(need)
    if full:
        return _full_of_backlog(room.pools[full[0]])
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
