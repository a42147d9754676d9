"""What admission would do with starts that did not happen: arithmetic without a database, a clock or a lock."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from agents.capacity import Need, Room, goes_first, key_is_full


@dataclass(frozen=True, slots=True)
class Arrival:
    """One start: when it is asked for, when it may begin, and how long it works, in seconds. It takes one agent and one
    workspace.

    ``key`` with ``key_limit`` bounds how many of one key work at once, with ``per_hour`` and ``per_day`` how many
    begin; ``expires_s`` is how long it may wait from when it may begin. Those of one ``turn`` go one after the other,
    in the order in which they are asked for. ``is_old``: what asked for it belongs to a backlog.
    """

    at: float
    work_s: float
    priority: int = 5
    key: str = ""
    key_limit: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    expires_s: float | None = None
    asked_at: float | None = None
    is_old: bool = False
    is_resumed: bool = False
    turn: Hashable = None


class Gate(Protocol):
    """Who of one key is asked for at all, by what of it waits and works. Places are those in the list of arrivals."""

    def enter(self, place: int) -> Sequence[int] | None:
        """None: it is not asked for. Otherwise who gives way to it, out of the queue or of its work."""

    def start(self, place: int) -> None:
        """It works."""

    def leave(self, place: int) -> None:
        """It has ended, or expired."""


def forecast(
    arrivals: Sequence[Arrival], *, room: Room, high_from: int, gates: Mapping[str, Gate] | None = None
) -> list[float | None]:
    """How long each would wait, in seconds, in the order given; None: it never starts (no capacity, it expires, or its
    gate is shut to it).

    ``room`` is the empty room under the limits, and is used up; from priority ``high_from`` on the reserved share may
    be taken; ``gates`` by key. The rules are those of ``admit``: strictly by priority, then in order of arrival; whom a
    key blocks is out of the way of the others; a backlog goes behind what is fresh, in turns, and has its share.
    """
    return _Simulation(arrivals, room, high_from, gates or {}).run()


class _Ticket(NamedTuple):
    """A place in the queue; the least goes first."""

    rank: int
    turn: int
    asked_at: float
    place: int


class _Simulation:
    def __init__(self, arrivals: Sequence[Arrival], room: Room, high_from: int, gates: Mapping[str, Gate]) -> None:
        self._arrivals = arrivals
        self._room = room
        self._high_from = high_from
        self._gates = gates
        self._waits: list[float | None] = [None] * len(arrivals)
        self._coming = sorted(range(len(arrivals)), key=lambda place: (_asked_at(arrivals[place]), place), reverse=True)
        self._later: list[tuple[float, int]] = []
        self._expiring: list[tuple[float, int]] = []
        self._lines: dict[bool, list[_Ticket]] = {True: [], False: []}
        self._parked: dict[str, list[_Ticket]] = defaultdict(list)
        self._working: list[tuple[float, int]] = []
        self._by_key: Counter[str] = Counter()
        self._begun: dict[str, list[float]] = defaultdict(list)
        self._queued: set[int] = set()
        self._turns = _Turns()
        self._in_turn: dict[Hashable, dict[int, None]] = defaultdict(dict)
        self._behind: dict[int, _Ticket] = {}
        self._stopped: set[int] = set()

    def run(self) -> list[float | None]:
        while moments := [heap[0][0] for heap in (self._working, self._later) if heap] + self._next_asked():
            now = min(moments)
            self._end(now)
            self._expire(now)
            self._arrive(now)
            self._admit(now)
        return self._waits

    def _next_asked(self) -> list[float]:
        return [_asked_at(self._arrivals[self._coming[-1]])] if self._coming else []

    def _end(self, now: float) -> None:
        while self._working and self._working[0][0] <= now:
            _, place = heappop(self._working)
            if place not in self._stopped:
                self._give_back(place)
                self._leave(place)
                self._let_next(self._arrivals[place].key)

    def _give_back(self, place: int) -> None:
        ended = self._arrivals[place]
        self._room.give_back(self._need(ended))
        self._by_key[ended.key] -= 1
        self._leave_turn(place)

    def _expire(self, now: float) -> None:
        while self._expiring and self._expiring[0][0] <= now:
            _, place = heappop(self._expiring)
            if place in self._queued:
                self._queued.remove(place)
                self._turns.leave(place)
                self._leave_turn(place)
                self._leave(place)

    def _arrive(self, now: float) -> None:
        while self._coming and _asked_at(self._arrivals[self._coming[-1]]) <= now:
            place = self._coming.pop()
            gate, one = self._gates.get(self._arrivals[place].key), self._arrivals[place]
            displaced = gate.enter(place) if gate is not None else ()
            if displaced is None:
                continue
            for other in displaced:
                self._give_way(other)
            self._queued.add(place)
            if one.turn is not None:
                self._in_turn[one.turn][place] = None
            if one.is_old:
                self._turns.join(place, one.key)
            if one.expires_s is not None:
                heappush(self._expiring, (one.at + one.expires_s, place))
            heappush(self._later, (one.at, place))
        while self._later and self._later[0][0] <= now:
            _, place = heappop(self._later)
            one = self._arrivals[place]
            ticket = _Ticket(-one.priority, self._turns.of(place), _asked_at(one), place)
            heappush(self._lines[one.is_old], ticket)

    def _give_way(self, place: int) -> None:
        if place in self._queued:
            self._queued.remove(place)
            self._turns.leave(place)
            self._leave_turn(place)
        else:
            self._stopped.add(place)
            self._give_back(place)
            self._let_next(self._arrivals[place].key)

    def _leave_turn(self, place: int) -> None:
        line = self._in_turn[self._arrivals[place].turn]
        line.pop(place, None)
        first = next(iter(line), None)
        if first is not None and first in self._behind:
            heappush(self._lines[self._arrivals[first].is_old], self._behind.pop(first))

    def _admit(self, now: float) -> None:
        while (ticket := self._first()) is not None:
            one = self._arrivals[ticket.place]
            if one.turn is not None and next(iter(self._in_turn[one.turn])) != ticket.place:
                self._behind[ticket.place] = heappop(self._lines[one.is_old])
                self._let_next(one.key)
            elif key_is_full(self._by_key[one.key], one.key_limit):
                heappush(self._parked[one.key], heappop(self._lines[one.is_old]))
            elif (free_at := self._free_at(one)) > now:
                heappush(self._later, (free_at, heappop(self._lines[one.is_old]).place))
                self._let_next(one.key)
            elif self._room.lacking(self._need(one)):
                # All need the same, and those behind have no higher priority.
                return
            else:
                heappop(self._lines[one.is_old])
                self._start(ticket.place, one, now)

    def _first(self) -> _Ticket | None:
        """The next by precedence, the fresh and those of a backlog in one."""
        fresh, old = self._head(is_old=False), self._head(is_old=True)
        if old is not None and self._room.full_of_backlog(self._need(self._arrivals[old.place])):
            old = None
        if fresh is None or old is None:
            return fresh or old
        first, second = self._arrivals[old.place], self._arrivals[fresh.place]
        return old if goes_first(first, second, self._room) else fresh

    def _head(self, *, is_old: bool) -> _Ticket | None:
        line = self._lines[is_old]
        while line and line[0].place not in self._queued:
            self._let_next(self._arrivals[heappop(line).place].key)
        return line[0] if line else None

    def _start(self, place: int, one: Arrival, now: float) -> None:
        self._waits[place] = now - one.at
        self._queued.remove(place)
        self._turns.leave(place)
        self._room.take(self._need(one))
        self._by_key[one.key] += 1
        self._begun[one.key].append(now)
        heappush(self._working, (now + one.work_s, place))
        if one.key in self._gates:
            self._gates[one.key].start(place)

    def _free_at(self, one: Arrival) -> float:
        """When its rates let it begin."""
        begun = self._begun[one.key]
        windows = ((one.per_hour, 3_600.0), (one.per_day, 86_400.0))
        return max((begun[-most] + window for most, window in windows if most and len(begun) >= most), default=one.at)

    def _leave(self, place: int) -> None:
        gate = self._gates.get(self._arrivals[place].key)
        if gate is not None:
            gate.leave(place)

    def _let_next(self, key: str) -> None:
        """Who ends, or leaves the line without having begun, leaves its place to the next one behind its key."""
        if self._parked[key]:
            ticket = heappop(self._parked[key])
            heappush(self._lines[self._arrivals[ticket.place].is_old], ticket)

    def _need(self, one: Arrival) -> Need:
        return Need(agents=1, workspaces=1, is_high=one.priority >= self._high_from, is_backlog=one.is_old)


class _Turns:
    """The turns of a backlog: keys alternate, and who joins it is neither before all others nor behind the last."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[int, str]] = {}
        self._open: list[tuple[int, int]] = []
        self._last: dict[str, int] = {}
        self._waiting: Counter[str] = Counter()

    def join(self, place: int, key: str) -> None:
        while self._open and self._open[0][1] not in self._of:
            heappop(self._open)
        at = self._open[0][0] if self._open else 1
        turn = max(at, self._last[key] + 1) if self._waiting[key] else at
        self._of[place] = (turn, key)
        self._last[key] = turn
        self._waiting[key] += 1
        heappush(self._open, (turn, place))

    def of(self, place: int) -> int:
        """0 for what is fresh."""
        return self._of[place][0] if place in self._of else 0

    def leave(self, place: int) -> None:
        if place in self._of:
            self._waiting[self._of.pop(place)[1]] -= 1


def _asked_at(one: Arrival) -> float:
    return one.at if one.asked_at is None else one.asked_at
