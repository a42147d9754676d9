"""Says when a start may begin: strictly by priority, resumed ones first, then in the order of arrival.

Waiting raises a priority by two at most. What came of old events after an outage goes after fresh ones of its priority
and may hold a share of the slots only.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from agents.capacity import Need, Room
from agents.enums import Pool, StartStatus
from agents.models import Limits, SlotHolder, StartRequest
from agents.selectors.capacity import limits_now, need_of, read_room
from agents.selectors.gate import Gate
from agents.selectors.lines import Lines, is_any_ready
from agents.services.admission.budgets import reserve
from agents.services.admission.lock import lock_capacity
from agents.services.admission.parking import park
from agents.starts import AGENT_START, Block, starts
from dct_site.kernel import moves, wake
from dct_site.kernel.about import about
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.rows import append

log = structlog.get_logger(__name__)

BROKEN_WAIT = timedelta(seconds=30)
MOST_PASSES = 20  # under one lock; each but the last took one that cannot start out of the way

Picked = tuple[StartRequest, Need]


def admit(*, now: datetime, limit: int = 50) -> int:
    """Start up to ``limit`` of those that wait and fit. Returns how many.

    Looks without the lock first. A pool that a start of higher precedence waits for is closed to those behind it;
    whoever is kept back by something of its own is parked, out of the ready index.
    """
    limits = limits_now()
    if limits.is_paused or not is_any_ready(read_room(limits), now):
        return 0
    with transaction.atomic():
        limits = lock_capacity()
        if limits.is_paused:
            return 0
        admitted = 0
        for _ in range(MOST_PASSES):
            look = _Pass(limits, now)
            wanted = look.pick(limit - admitted)
            begun = _start(wanted, look)
            admitted += begun
            if begun == len(wanted):
                break
        return admitted


class _Pass:
    """One look at the queue under the lock."""

    def __init__(self, limits: Limits, now: datetime) -> None:
        self.limits = limits
        self.now = now
        self.room: Room = read_room(limits)
        self.gate = Gate(limits, now)
        self.full_of_backlog: set[Pool] = set()
        self.parked: dict[Block, list[StartRequest]] = defaultdict(list)

    def pick(self, limit: int) -> list[Picked]:
        """Who starts. Parks those that something of their own keeps back."""
        picked: list[Picked] = []
        for start in Lines(self.limits, self.room, self.now, page=limit + 1, learn=self.gate.learn):
            need = need_of(start, self.limits)
            if self._may_start(start, need):
                self.room.take(need)
                self.gate.take(start)
                picked.append((start, need))
            # Who asks for no slot may start however full it is.
            if len(picked) >= limit or (not self.room.has_room and (start.agents or start.workspaces)):
                break
        for block, parked in self.parked.items():
            park(parked, block, now=self.now)
        return picked

    def _may_start(self, start: StartRequest, need: Need) -> bool:
        if self._is_beyond_backlog(need):
            return False
        block = self.gate.block(start)
        if block is not None:
            self.parked[block].append(start)
            return False
        lacking = self.room.lacking(need)
        if lacking:
            # Who waits for a workspace leaves the agents' pool open: workspaces come free only when agents work.
            self.room.close([Pool.WORKSPACES] if Pool.WORKSPACES in lacking else lacking)
        return not lacking

    def _is_beyond_backlog(self, need: Need) -> bool:
        """Whether it is of a backlog that holds all it may of a pool, or one before it waits for that."""
        if not need.is_backlog:
            return False
        self.full_of_backlog.update(self.room.full_of_backlog(need))
        return any(need.units(pool) for pool in self.full_of_backlog)


def _start(wanted: Sequence[Picked], look: _Pass) -> int:
    """Start these together. Where one of them cannot, each on its own: the others start all the same."""
    try:
        with transaction.atomic():
            return _begin(wanted, look)
    except Exception as wrong:  # noqa: BLE001 - said again by the one that it is
        log.info("starts_one_by_one", count=len(wanted), wrong=str(wrong))
    return sum(_start_one(one, look) for one in wanted)


def _begin(wanted: Sequence[Picked], look: _Pass) -> int:
    """Raises LostRace where one of them no longer waits, and whatever their handlers raise."""
    room, now, shares = look.room, look.now, look.gate.shares
    moved = moves.move_many([start for start, _ in wanted], StartStatus.ADMITTED, now=now, admitted_at=now)
    if len(moved) < len(wanted):
        raise moves.LostRace("not all of these starts still wait")
    holders = [
        (pool.value, start.pk, need.units(pool), need.is_high, need.is_backlog, now)
        for start, need in wanted
        for pool in room.pools
        if need.units(pool)
    ]
    append(SlotHolder, ("pool", "start_id", "units", "is_reserved_class", "is_backlog", "taken_at"), holders)
    reserve({start.pk: shares[start.pk] for start, _ in wanted if start.pk in shares}, now=now)
    for start, _ in wanted:
        starts.get(start.kind).on_admitted(start, now)
    for topic in {wake.Topic.SUPERVISE if start.kind == AGENT_START else wake.Topic.LAUNCH for start, _ in wanted}:
        wake.poke_on_commit(topic)
    crashpoint("admit.in_start")
    return len(wanted)


def _start_one(one: Picked, look: _Pass) -> int:
    start, now = one[0], look.now
    start.status = StartStatus.WAITING
    try:
        with transaction.atomic():
            return _begin([one], look)
    except (moves.LostRace, moves.IllegalMove) as gone:
        _drop(start, str(gone), now)
    except Exception:
        # One start that breaks its handler would otherwise stop every start behind it.
        with about(start.refs):
            log.exception("start_broke", start=start.pk, kind=start.kind, subject=start.subject_id)
        StartRequest.objects.filter(pk=start.pk).update(
            not_before=now + BROKEN_WAIT, reason="it could not be started; the next try is in 30 s"
        )
    return 0


def _drop(start: StartRequest, reason: str, now: datetime) -> None:
    """Its subject has moved on meanwhile (it was cancelled): nothing is left to start."""
    start.refresh_from_db()
    if start.status == StartStatus.WAITING:
        moves.move(start, StartStatus.CANCELLED, now=now, reason=reason)
