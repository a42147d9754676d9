"""What keeps a start back whatever room there is: a hold, a full key, a rate, or a need that no limit allows."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Connection
from agents.budget import BudgetRoom, Share, shortage_words
from agents.enums import Pool
from agents.models import Limits, StartRequest
from agents.selectors.budgets import read_budgets
from agents.selectors.capacity import empty_room, need_of
from agents.selectors.overload import held_low
from agents.selectors.turns import at_work_or_before, turn_key
from agents.starts import Block, holds_on

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WINDOWS = (("per_hour", HOUR, "hour"), ("per_day", DAY, "day"))
NOUNS = {Pool.AGENTS: "agent", Pool.WORKSPACES: "workspace"}
LIMITS_KEY = "limits"
"""Behind it wait those that are larger than the limits allow; they are looked at again when those change."""


class Gate:
    """Asked about many starts of one moment; reads what it needs of a page of them at once.

    What is taken is told to it, so that of two that fit one by one only the first passes.
    """

    def __init__(self, limits: Limits, now: datetime) -> None:
        self._limits = limits
        self._room = empty_room(limits)
        self._now = now
        self._held: dict[int, Block] = {}
        self._before: dict[int, int] = {}
        self._running: dict[str, int] = {}
        self._most_of: dict[str, int | None] = {}
        self._begun: dict[tuple[str, timedelta], int] = {}
        self._taken: Counter[str] = Counter()
        self._budgets: dict[str, BudgetRoom | None] = {}
        self.shares: dict[int, tuple[str, Share]] = {}
        """{primary key: (key, what it reserves)} of those that were taken and have a budget."""

    def learn(self, wanted: Sequence[StartRequest]) -> None:
        """Read what ``block`` needs to know of these."""
        self._held |= holds_on(wanted)
        self._before |= at_work_or_before(wanted)
        self._learn_budgets({start.concurrency_key for start in wanted} - {""})
        self._learn_connections({start.connection_key for start in wanted} - {""})
        self._count("concurrency_key", {start.concurrency_key for start in wanted if start.key_limit is not None})
        self._count("item_key", {start.item_key for start in wanted if start.item_limit is not None})
        limited = {start.connection_key for start in wanted if self._most_of.get(start.connection_key) is not None}
        self._count("connection_key", limited)

    def block(self, start: StartRequest) -> Block | None:
        """What keeps one of those back that it learned of; None: only room may."""
        return (
            held_low(self._limits, start, self._now)
            or self._held.get(start.pk)
            or self._turn(start)
            or self._full(start.concurrency_key, start.key_limit, "the trigger runs {} of {}")
            or self._rate(start)
            or self.short(start)
            or self._full(start.item_key, start.item_limit, "its item has {} of {} runs that it may have at once")
            or self._full(
                start.connection_key,
                self._most_of.get(start.connection_key),
                "its connection has {} of {} runs that it may have at once",
            )
            or self._too_large(start)
        )

    def take(self, start: StartRequest) -> None:
        """It starts: what comes after it finds one more under each of its keys."""
        for key in keys_of(start):
            if key in self._running:
                self._running[key] += 1
        if not start.is_resumed:
            self._taken[start.concurrency_key] += 1
        budget = self._budgets.get(start.concurrency_key)
        if budget is not None:
            self.shares[start.pk] = (start.concurrency_key, budget.take(is_again=start.is_resumed))

    def short(self, start: StartRequest) -> Block | None:
        """Its budget does not allow it now. Who tries again was counted as a run; what it may use is asked anew."""
        budget = self._budgets.get(start.concurrency_key)
        unit = budget.lacking(is_again=start.is_resumed) if budget is not None else None
        if budget is None or unit is None:
            return None
        return Block(start.concurrency_key, shortage_words(budget, unit))

    def _learn_budgets(self, keys: set[str]) -> None:
        unknown = keys - self._budgets.keys()
        if self._limits.has_budgets and unknown:
            self._budgets |= dict.fromkeys(unknown) | read_budgets(sorted(unknown), now=self._now)

    def _learn_connections(self, keys: set[str]) -> None:
        unknown = {key: int(key.rpartition(":")[2]) for key in keys - self._most_of.keys()}
        if not unknown:
            return
        self._most_of |= dict.fromkeys(unknown)
        limited = Connection.objects.filter(pk__in=unknown.values(), max_concurrent__isnull=False).order_by()
        for pk, most in limited.values_list("pk", "max_concurrent"):
            self._most_of[connection_key(pk)] = most

    def _count(self, column: str, keys: set[str]) -> None:
        unknown = sorted(keys - self._running.keys() - {""})
        if not unknown:
            return
        self._running |= dict.fromkeys(unknown, 0) | running_under(column, unknown)

    def _full(self, key: str, most: int | None, words: str) -> Block | None:
        if not key or most is None or self._running[key] < most:
            return None
        return Block(key, words.format(self._running[key], most))

    def _turn(self, start: StartRequest) -> Block | None:
        first = self._before.get(start.pk)
        if first is None:
            return None
        return Block(turn_key(start), f"its turn comes after run {first} for the same item")

    def _rate(self, start: StartRequest) -> Block | None:
        """Who tries again has been counted."""
        if start.is_resumed:
            return None
        for name, window, noun in WINDOWS:
            most = getattr(start, name)
            if most is not None and self._begun_within(start.concurrency_key, window) >= most:
                free_at = self._free_at(start.concurrency_key, window, most)
                told = f"the trigger began {most} of {most} runs that it may within {_AN[noun]} {noun}"
                return Block(start.concurrency_key, f"{told}; the next may start at {moment(free_at, self._now)}")
        return None

    def _begun_within(self, key: str, window: timedelta) -> int:
        if (key, window) not in self._begun:
            self._begun[key, window] = begun(key, self._now - window).count()
        return self._begun[key, window] + self._taken[key]

    def _free_at(self, key: str, window: timedelta, most: int) -> datetime:
        """When the one leaves the window whose place the next start takes."""
        stored = most - 1 - self._taken[key]
        rows = begun(key, self._now - window).order_by("-admitted_at").values_list("admitted_at", flat=True)
        at = rows[stored : stored + 1].first() if stored >= 0 else None
        return (at or self._now) + window

    def _too_large(self, start: StartRequest) -> Block | None:
        need = need_of(start, self._limits)
        pool = self._room.never_fits(need)
        if pool is None:
            return None
        most = self._room.pools[pool].most(is_high=need.is_high)
        return Block(LIMITS_KEY, f"it needs {need.units(pool)} {NOUNS[pool]} slots; at most {most} may be used")


_AN = {"hour": "an", "day": "a"}


def connection_key(connection_id: int) -> str:
    """The key under which the starts of one connection's events are counted and parked."""
    return f"connection:{connection_id}"


def item_key(item_id: int) -> str:
    """The key under which the starts about one item are counted and parked."""
    return f"item:{item_id}"


def keys_of(start: StartRequest) -> list[str]:
    """The keys that a start holds while it holds slots."""
    return [key for key in (start.concurrency_key, start.item_key, start.connection_key) if key]


def frees(start: StartRequest) -> list[str]:
    """The keys behind which somebody may wait for its end."""
    return [*keys_of(start), turn_key(start)] if start.concurrency_key else keys_of(start)


def running_under(column: str, keys: Iterable[str]) -> dict[str, int]:
    """How many starts hold slots under each of these keys that any does."""
    given = list(keys)
    marks = ", ".join(["%s"] * len(given))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column}, COUNT(*) FROM agents_startrequest"  # noqa: S608 - a column of the model
            f" WHERE status = 'admitted' AND {column} > '' AND {column} IN ({marks}) GROUP BY {column}",
            given,
        )
        return dict(cursor.fetchall())


def begun(key: str, since: datetime) -> QuerySet[StartRequest]:
    """The starts of a key that began after a moment, each counted once however often it is tried."""
    return StartRequest.objects.filter(
        concurrency_key=key, concurrency_key__gt="", is_resumed=False, admitted_at__gt=since
    ).order_by()


def moment(at: datetime, now: datetime, *, seconds: bool = False) -> str:
    """The time of day, with the date where it is another day."""
    if at.date() != now.date():
        return at.strftime("%Y-%m-%d %H:%M")
    return at.strftime("%H:%M:%S" if seconds else "%H:%M")
