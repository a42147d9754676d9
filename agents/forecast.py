"""What admission would do with starts that did not happen: arithmetic without a database, a clock or a lock."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from agents.capacity import Need, Room


@dataclass(frozen=True, slots=True)
class Arrival:
    """One start: when it may begin, and how long it works, in seconds. It takes one agent and one workspace.

    ``key`` with ``key_limit`` bounds how many of one key work at once; ``expires_s`` is how long it may wait.
    """

    at: float
    work_s: float
    priority: int = 5
    key: str = ""
    key_limit: int | None = None
    expires_s: float | None = None


def forecast(arrivals: Sequence[Arrival], *, room: Room, high_from: int) -> list[float | None]:
    """How long each would wait, in seconds, in the order given; None: it never starts (no capacity, or it expires).

    ``room`` is the empty room under the limits, and is used up; from priority ``high_from`` on the reserved share may
    be taken. The rule is that of ``admit``: strictly by priority, then in order of arrival, and whom a key blocks is
    out of the way of the others.
    """
    return _Simulation(arrivals, room, high_from).run()


class _Simulation:
    def __init__(self, arrivals: Sequence[Arrival], room: Room, high_from: int) -> None:
        self._arrivals = arrivals
        self._room = room
        self._high_from = high_from
        self._waits: list[float | None] = [None] * len(arrivals)
        self._coming = sorted(range(len(arrivals)), key=lambda place: arrivals[place].at, reverse=True)
        self._waiting: list[tuple[int, float, int]] = []
        self._parked: dict[str, list[tuple[int, float, int]]] = defaultdict(list)
        self._working: list[tuple[float, int]] = []
        self._by_key: Counter[str] = Counter()

    def run(self) -> list[float | None]:
        while self._coming or self._working:
            ends = [self._working[0][0]] if self._working else []
            comes = [self._arrivals[self._coming[-1]].at] if self._coming else []
            now = min(ends + comes)
            self._end(now)
            self._arrive(now)
            self._admit(now)
        return self._waits

    def _end(self, now: float) -> None:
        while self._working and self._working[0][0] <= now:
            _, place = heappop(self._working)
            ended = self._arrivals[place]
            self._room.give_back(self._need(ended))
            self._by_key[ended.key] -= 1
            if self._parked[ended.key]:
                heappush(self._waiting, heappop(self._parked[ended.key]))

    def _arrive(self, now: float) -> None:
        while self._coming and self._arrivals[self._coming[-1]].at <= now:
            place = self._coming.pop()
            heappush(self._waiting, (-self._arrivals[place].priority, self._arrivals[place].at, place))

    def _admit(self, now: float) -> None:
        while self._waiting:
            first = self._waiting[0]
            one = self._arrivals[first[2]]
            if one.expires_s is not None and now - one.at >= one.expires_s:
                heappop(self._waiting)
                self._let_next(one)
            elif one.key_limit is not None and self._by_key[one.key] >= one.key_limit:
                heappush(self._parked[one.key], heappop(self._waiting))
            elif self._room.lacking(self._need(one)):
                # All need the same, and those behind have no higher priority.
                return
            else:
                heappop(self._waiting)
                self._start(first[2], one, now)

    def _start(self, place: int, one: Arrival, now: float) -> None:
        self._waits[place] = now - one.at
        self._room.take(self._need(one))
        self._by_key[one.key] += 1
        heappush(self._working, (now + one.work_s, place))

    def _let_next(self, expired: Arrival) -> None:
        """Who expires leaves the place that it was called for to the next one behind its key."""
        if self._parked[expired.key]:
            heappush(self._waiting, heappop(self._parked[expired.key]))

    def _need(self, one: Arrival) -> Need:
        return Need(agents=1, workspaces=1, is_high=one.priority >= self._high_from)
