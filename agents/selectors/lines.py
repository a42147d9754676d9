"""Who is ready, in the order in which an admission looks at them.

A line for each of the ten priorities, and another one for what of it came of a backlog. The heads are compared: by
priority, raised by waiting; resumed ones first; the fresh before a backlog's; then in order of arrival. Within a line
nobody overtakes, so a head that is raised stands for all behind it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from agents.capacity import Room, most_aged
from agents.models import Limits, StartRequest
from dct_site.kernel.rows import found

LEVELS = range(10, 0, -1)
PAGE = 200
MOST_LOOKED_AT = 2_000  # in one pass; what was parked is out of the way of the next
_TIMELY = "(not_before IS NULL OR not_before <= %s) AND (expires_at IS NULL OR expires_at > %s)"
_READY = f"status = 'waiting' AND priority = %s AND {_TIMELY}"
_PARKED = "status = 'parked' AND priority = %s AND parked_for = %s"
_AFTER = " AND (is_resumed < %s OR is_resumed = %s AND (backlog_turn > %s OR backlog_turn = %s AND id > %s))"
_ORDER = " ORDER BY is_resumed DESC, backlog_turn, id LIMIT "
_OLD = {None: "", False: " AND backlog_turn = 0", True: " AND backlog_turn > 0"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the head of a line stands; the smaller one goes first."""

    raised: int
    is_resumed: bool
    turn: int
    pk: int

    def key(self, *, is_backlog_idle: bool) -> tuple[int, bool, bool, int, int]:
        """While nothing of a backlog is at work its first goes before the fresh ones: a steady stream of those would
        otherwise keep it waiting for ever.
        """
        is_behind = bool(self.turn) != is_backlog_idle
        return (-self.raised, not self.is_resumed, is_behind, self.turn, self.pk)


class Ageing:
    """How much waiting raises a start."""

    def __init__(self, limits: Limits, now: datetime) -> None:
        self._step = timedelta(seconds=limits.ageing_s)
        self._from = limits.reserved_from_priority
        self._now = now

    def most(self, priority: int) -> int:
        return most_aged(priority, reserved_from=self._from) if self._step else 0

    def since(self, levels: int) -> datetime:
        """Who waits since then or longer is raised by so many levels."""
        return self._now - self._step * levels

    def place_of(self, start: StartRequest) -> Place:
        """Where a start stands by its effective priority."""
        most, waits_since = self.most(start.priority), start.not_before or start.queued_at
        raised = start.priority + sum(waits_since <= self.since(levels) for levels in range(1, most + 1))
        return Place(raised, start.is_resumed, start.backlog_turn, start.pk)


class Lines:
    """The lines of one moment: of those that are ready and need nothing of a pool that is full, or of all that are
    ready (``is_all``), or of those parked behind a key.

    Iterating takes the heads one by one; each page of a line is shown to ``learn`` before anything of it is given out.
    """

    def __init__(
        self,
        limits: Limits,
        room: Room,
        now: datetime,
        *,
        page: int = PAGE,
        learn: Callable[[Sequence[StartRequest]], None] = lambda _page: None,
        is_all: bool = False,
        parked_for: str | None = None,
    ) -> None:
        self.ageing = Ageing(limits, now)
        self._room = room
        self._now = now
        self._page = min(page, PAGE)
        self._learn = learn
        self._is_all = is_all or parked_for is not None
        self._parked_for = parked_for
        self._looked_at = 0
        self._lines = [
            _Line(self, priority, is_old, Place(priority + aged, is_resumed, turn, pk))
            for priority, is_old, aged, is_resumed, turn, pk in self._heads()
        ]

    def __iter__(self) -> Iterator[StartRequest]:
        is_old_shown = False
        while self._lines:
            is_idle = self._room.is_backlog_idle and not is_old_shown
            first = min(self._lines, key=lambda line: line.place.key(is_backlog_idle=is_idle))
            start = first.pop()
            if start is not None:
                yield start
                is_old_shown |= self._is_all and start.backlog_turn > 0
            if first.is_over:
                self._lines.remove(first)

    def read(self, priority: int, is_old: bool | None, after: Place | None) -> list[StartRequest]:
        """The next page of a line. What needs slots of a pool that is full or closed is left out: it ends there."""
        if self._looked_at >= MOST_LOOKED_AT:
            return []
        where, values = self._where(priority, is_old)
        if after is not None:
            where += _AFTER
            values += [after.is_resumed, after.is_resumed, after.turn, after.turn, after.pk]
        rows = found(StartRequest, f"{where}{_ORDER}{self._page}", values)
        self._looked_at += len(rows)
        if rows:
            self._learn(rows)
        return rows

    @property
    def page(self) -> int:
        return self._page

    def _heads(self) -> list[tuple[int, bool | None, int, bool, int, int]]:
        """(priority, whether it is a backlog's line, raised by, resumed, turn, primary key) of every head."""
        kinds = (False, True) if _has_backlog() else (None,)
        parts, values = [], []
        for priority in LEVELS:
            for is_old in kinds:
                where, given = self._where(priority, is_old)
                steps = self.ageing.most(priority)
                aged = " + ".join(
                    ["CASE WHEN COALESCE(not_before, queued_at) <= %s THEN 1 ELSE 0 END"] * steps or ["0"]
                )
                line = "NULL" if is_old is None else str(int(is_old))
                parts.append(
                    f"SELECT * FROM (SELECT {priority}, {line}, {aged}, is_resumed, backlog_turn, id"  # noqa: S608
                    f" FROM agents_startrequest WHERE {where}{_ORDER}1) head{priority}{line}"
                )
                values += [*(_moment(self.ageing.since(step)) for step in range(1, steps + 1)), *given]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(parts), values)
            return [(p, o if o is None else bool(o), a, bool(r), t, pk) for p, o, a, r, t, pk in cursor.fetchall()]

    def _where(self, priority: int, is_old: bool | None) -> tuple[str, list[Any]]:
        at = _moment(self._now)
        if self._parked_for is not None:
            return _PARKED + _OLD[is_old], [priority, self._parked_for]
        where = _READY + _OLD[is_old]
        if not self._is_all:
            for pool in self._room.pools:
                if not self._room.is_open(pool):  # the end for all who need it, not for the others
                    where += f" AND {pool.value} = 0"
        return where, [priority, at, at]


class _Line:
    """One line: where its head stands, and as much of it as was read."""

    def __init__(self, lines: Lines, priority: int, is_old: bool | None, head: Place) -> None:
        self._lines, self._priority, self._is_old = lines, priority, is_old
        self._page: deque[StartRequest] = deque()
        self._last: Place | None = None
        self._is_last_page = False
        self.place = head
        self.is_over = False

    def pop(self) -> StartRequest | None:
        """The head; None where it has gone meanwhile."""
        self._fill()
        start = self._page.popleft() if self._page else None
        if start is not None:
            self._last = self._lines.ageing.place_of(start)
        self._fill()
        if self._page:
            self.place = self._lines.ageing.place_of(self._page[0])
        else:
            self.is_over = True
        return start

    def _fill(self) -> None:
        if self._page or self._is_last_page:
            return
        self._page.extend(self._lines.read(self._priority, self._is_old, self._last))
        self._is_last_page = len(self._page) < self._lines.page


def is_any_ready(room: Room, now: datetime) -> bool:
    """Whether anybody waits whom the room could let in."""
    closed = "".join(f" AND {pool.value} = 0" for pool in room.pools if not room.is_open(pool))
    at = _moment(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM agents_startrequest WHERE status = 'waiting'{closed} AND {_TIMELY} LIMIT 1",  # noqa: S608
            [at, at],
        )
        return cursor.fetchone() is not None


def _has_backlog() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM agents_startrequest"
            " WHERE backlog_turn > 0 AND status IN ('waiting', 'parked') ORDER BY backlog_turn LIMIT 1"
        )
        return cursor.fetchone() is not None


def _moment(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)
