"""Says when a start may begin: strictly by priority, resumed ones first, then in the order of arrival.

What came of old events after an outage goes after fresh ones of its priority and may hold a share of the slots only.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from agents.capacity import Need, Room, goes_first, key_is_full
from agents.enums import Pool, StartStatus
from agents.models import Limits, SlotHolder, StartRequest
from agents.selectors.capacity import need_of, read_room, ready, starts_under_key
from agents.services.admission.lock import lock_capacity
from agents.starts import AGENT_START, held_by, starts
from dct_site.kernel import moves, wake
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.rows import insert

log = structlog.get_logger(__name__)

PAGE = 200
MOST_LOOKED_AT = 2_000  # in one pass; what was parked is out of the way of the next
BROKEN_WAIT = timedelta(seconds=30)


def admit(*, now: datetime, limit: int = 50) -> int:
    """Start up to ``limit`` of those that wait and fit. Returns how many.

    Looks without the lock first. A pool that a start of higher precedence waits for is closed to those behind it;
    whoever is blocked by a key or a hold is parked, out of the ready index.
    """
    limits = Limits.objects.get(pk=1)
    if limits.is_paused or not read_room(limits).has_room or not ready(now).exists():
        return 0
    with transaction.atomic():
        limits = lock_capacity()
        if limits.is_paused:
            return 0
        return _Pass(limits, now).run(limit)


class _Pass:
    """One look at the queue under the lock."""

    def __init__(self, limits: Limits, now: datetime) -> None:
        self.limits = limits
        self.now = now
        self.room: Room = read_room(limits)
        self.keys: dict[str, int] = {}
        self.passed_over: list[int] = []
        self.full_of_backlog: set[Pool] = set()

    def run(self, limit: int) -> int:
        admitted = 0
        for start in self._in_order():
            admitted += self._look_at(start)
            if admitted >= limit or not self.room.has_room:
                break
        return admitted

    def _in_order(self) -> Iterator[StartRequest]:
        """The waiting starts by precedence, the fresh and those of a backlog in one."""
        page = self._page()
        if len(page) < PAGE:
            fresh = _Line(page=[start for start in page if not start.backlog_turn])
            old = _Line(page=[start for start in page if start.backlog_turn])
        else:
            fresh, old = _Line(self._fresh), _Line(self._old)
        while True:
            first, second = fresh.head(), old.head()
            if first is not None and (second is None or not goes_first(second, first, self.room)):
                yield fresh.pop()
            elif second is not None:
                yield old.pop()
            else:
                return

    def _fresh(self) -> list[StartRequest]:
        return self._page(backlog_turn=0)

    def _old(self) -> list[StartRequest]:
        return self._page(backlog_turn__gt=0, **{pool.value: 0 for pool in self.full_of_backlog})

    def _page(self, **which: int) -> list[StartRequest]:
        """The next of them that may be looked at."""
        waiting = ready(self.now).filter(**which).exclude(pk__in=self.passed_over)
        for pool in self.room.pools:
            if not self.room.is_open(pool):  # the end for all who need it, not for the others
                waiting = waiting.filter(**{pool.value: 0})
        return list(waiting[:PAGE])

    def _look_at(self, start: StartRequest) -> int:
        """1 when it was started."""
        if self._is_beyond_backlog(start):
            return 0
        blocked = held_by(start) or self._key_reason(start)
        if blocked and start.concurrency_key:
            self._park(start, blocked)
            return 0
        need = need_of(start, self.limits)
        # One that is held or larger than the whole pool is not eligible: it must not make the others wait.
        if blocked or self.room.never_fits(need):
            self.passed_over.append(start.pk)
            return 0
        lacking = self.room.lacking(need)
        if lacking:
            # Who waits for a workspace leaves the agents' pool open: workspaces come free only when agents work.
            self.room.close([Pool.WORKSPACES] if Pool.WORKSPACES in lacking else lacking)
            self.passed_over.append(start.pk)
            return 0
        return 1 if self._start(start, need) else 0

    def _is_beyond_backlog(self, start: StartRequest) -> bool:
        """Whether it is of a backlog that holds all it may of a pool, or one before it waits for that."""
        need = need_of(start, self.limits)
        if not need.is_backlog:
            return False
        self.full_of_backlog.update(self.room.full_of_backlog(need))
        return any(need.units(pool) for pool in self.full_of_backlog)

    def _key_reason(self, start: StartRequest) -> str:
        key = start.concurrency_key
        if not key or start.key_limit is None:
            return ""
        if key not in self.keys:
            self.keys[key] = starts_under_key(key)
        return key_is_full(self.keys[key], start.key_limit)

    def _park(self, start: StartRequest, reason: str) -> None:
        moves.move(start, StartStatus.PARKED, now=self.now, reason=reason)
        StartRequest.objects.filter(pk=start.pk).update(reason=reason[:300])

    def _start(self, start: StartRequest, need: Need) -> bool:
        try:
            with transaction.atomic():
                moves.move(start, StartStatus.ADMITTED, now=self.now, admitted_at=self.now)
                insert(
                    SlotHolder(
                        pool=pool,
                        start=start,
                        units=need.units(pool),
                        is_reserved_class=need.is_high,
                        taken_at=self.now,
                    )
                    for pool in self.room.pools
                    if need.units(pool)
                )
                starts.get(start.kind).on_admitted(start, self.now)
                crashpoint("admit.in_start")
        except (moves.LostRace, moves.IllegalMove) as gone:
            self._drop(start, str(gone))
            return False
        except Exception:
            # One start that breaks its handler would otherwise stop every start behind it.
            log.exception("start_broke", start=start.pk, kind=start.kind, subject=start.subject_id)
            StartRequest.objects.filter(pk=start.pk).update(
                not_before=self.now + BROKEN_WAIT, reason="it could not be started; the next try is in 30 s"
            )
            self.passed_over.append(start.pk)
            return False
        self.room.take(need)
        if start.concurrency_key in self.keys:
            self.keys[start.concurrency_key] += 1
        wake.poke_on_commit(wake.Topic.SUPERVISE if start.kind == AGENT_START else wake.Topic.LAUNCH)
        return True

    def _drop(self, start: StartRequest, reason: str) -> None:
        """Its subject has moved on meanwhile (it was cancelled): nothing is left to start."""
        start.refresh_from_db()
        if start.status == StartStatus.WAITING:
            moves.move(start, StartStatus.CANCELLED, now=self.now, reason=reason)


class _Line:
    """Those that wait, of one kind, read in pages: parking takes rows away while we go. Or a ``page`` that is all."""

    def __init__(self, read: Callable[[], list[StartRequest]] = list, *, page: Sequence[StartRequest] = ()) -> None:
        self._read = read
        self._page = deque(page)
        self._looked_at = 0
        self._is_last = False

    def head(self) -> StartRequest | None:
        if not self._page and not self._is_last:
            self._page.extend(self._read())
            self._looked_at += len(self._page)
            self._is_last = len(self._page) < PAGE or self._looked_at >= MOST_LOOKED_AT
        return self._page[0] if self._page else None

    def pop(self) -> StartRequest:
        return self._page.popleft()
