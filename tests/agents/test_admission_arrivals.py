"""Five thousand random arrivals through a day, admitted by DCT and by an oracle that looks at everybody each time."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from accounts.actor import Actor
from agents.enums import StartStatus
from agents.models import Limits, SlotHolder, StartRequest
from agents.services import admission
from dct_site.kernel import moves
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import set_limits

# Committed as it goes: of what one long transaction leaves behind, PostgreSQL clears away nothing and walks over all.
pytestmark = pytest.mark.django_db(transaction=True)
ARRIVALS = 5_000
HIGH = 8
STEP = timedelta(seconds=300)


@dataclass(frozen=True)
class Arrival:
    subject: int
    at: datetime
    priority: int
    agents: int
    works: timedelta
    trigger: str
    item: str

    @property
    def is_high(self) -> bool:
        return self.priority >= HIGH


@dataclass
class Oracle:
    """Strictly by effective priority, then in order of arrival; who is waited for closes the door behind it."""

    limits: dict[str, int]
    most: dict[str, int]
    waiting: list[Arrival] = field(default_factory=list)
    running: dict[int, Arrival] = field(default_factory=dict)

    def effective(self, one: Arrival, now: datetime) -> int:
        return max(one.priority, min(one.priority + min(2, (now - one.at) // STEP), 10 if one.is_high else HIGH - 1))

    def admit(self, now: datetime) -> list[int]:
        begun = []
        keys = Counter(key for one in self.running.values() for key in (one.trigger, one.item))
        is_closed = False
        for one in sorted(self.waiting, key=lambda one: (-self.effective(one, now), one.subject)):
            if keys[one.trigger] >= self.most[one.trigger] or keys[one.item] >= 1 or one.agents > self._most(one):
                continue
            if is_closed or not self._fits(one):
                is_closed = True
                continue
            begun.append(one.subject)
            self.running[one.subject] = one
            keys.update((one.trigger, one.item))
        self.waiting = [one for one in self.waiting if one.subject not in self.running]
        return begun

    def _reserved(self) -> int:
        return max(0, min(self.limits["agents"] // 4, self.limits["agents"] - 1))

    def _most(self, one: Arrival) -> int:
        return self.limits["agents"] - (0 if one.is_high else self._reserved())

    def _fits(self, one: Arrival) -> bool:
        used = sum(other.agents for other in self.running.values())
        low = sum(other.agents for other in self.running.values() if not other.is_high)
        if used + one.agents > self.limits["agents"]:
            return False
        return one.is_high or low + one.agents <= self.limits["agents"] - self._reserved()


def arrivals(chance: random.Random, count: int, now: datetime) -> list[Arrival]:
    found, at = [], now
    for subject in range(count):
        at += timedelta(seconds=chance.expovariate(1 / 20))
        found.append(
            Arrival(
                subject=subject,
                at=at,
                priority=chance.choice([1, 2, 3, 4, 5, 5, 5, 5, 6, 7, 8, 9, 10]),
                agents=chance.choice([1, 1, 1, 1, 1, 2, 3]),
                works=timedelta(seconds=chance.expovariate(1 / 55)),
                trigger=f"trigger:{chance.randrange(8)}",
                item=f"item:{chance.randrange(2_000)}",
            )
        )
    return found


class Day:
    """Arrivals, ends and changes of the limit, minute by minute, told to both."""

    def __init__(self, seed: int, count: int, handler: RecordingHandler, now: datetime) -> None:
        self.chance = random.Random(seed)
        self.handler = handler
        self.most = {f"trigger:{number}": 2 + number % 4 for number in range(8)}
        self.oracle = Oracle({"agents": 6}, self.most)
        self.coming = arrivals(self.chance, count, now)
        self.by_subject = {one.subject: one for one in self.coming}
        self.coming.reverse()
        self.ends: dict[int, datetime] = {}

    @property
    def goes_on(self) -> bool:
        return bool(self.coming or self.oracle.waiting or self.oracle.running)

    def minute(self, at: datetime) -> None:
        over = [subject for subject, end in self.ends.items() if end <= at]
        for subject in over:
            del self.ends[subject], self.oracle.running[subject]
        _end(over, at)
        batch = []
        while self.coming and self.coming[-1].at <= at:
            batch.append(self.coming.pop())
        _ask(batch, self.most)
        self.oracle.waiting += batch
        if self.chance.random() < 0.02:
            self._change_limit(at)

    def _change_limit(self, at: datetime) -> None:
        self.oracle.limits["agents"] = self.chance.choice([1, 4, 6, 6, 9]) if self.coming else 6
        version = Limits.objects.get().version
        admission.update_limits(by=Actor.system(), now=at, version=version, max_agents=self.oracle.limits["agents"])

    def admit(self, at: datetime) -> list[int]:
        """Who begins, of whom DCT and the oracle say the same."""
        begun, told = _admit_all(self.handler, at), []
        while more := self.oracle.admit(at):
            told += more
        assert begun == told
        for subject in begun:
            self.ends[subject] = at + self.by_subject[subject].works
        return begun


@pytest.mark.parametrize(
    ("seed", "count"), [(7, 400), pytest.param(20261121, ARRIVALS, marks=[pytest.mark.slow, pytest.mark.unmeasured])]
)
def test_thousands_of_arrivals_start_as_the_oracle_says(
    seed: int, count: int, handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=6, max_workspaces=100_000, reserved_percent=25, reserved_from_priority=HIGH, ageing_s=300)
    day, at = Day(seed, count, handler, now), now
    while day.goes_on:
        at += timedelta(minutes=1)
        day.minute(at)
        held = sum(one.agents for one in day.oracle.running.values())
        begun = day.admit(at)
        assert held < day.oracle.limits["agents"] or begun == [], "a lowered limit starts nothing until it is kept"
    assert len(handler.started) == len(set(handler.started)) == count, "nothing starves, nothing starts twice"
    assert not StartRequest.objects.exclude(status=StartStatus.DONE).exists()


def _ask(batch: list[Arrival], most: dict[str, int]) -> None:
    wishes = [
        StartRequest(
            kind="test",
            subject_id=one.subject,
            priority=one.priority,
            agents=one.agents,
            queued_at=one.at,
            concurrency_key=one.trigger,
            key_limit=most[one.trigger],
            item_key=one.item,
            item_limit=1,
        )
        for one in batch
    ]
    if wishes:
        admission.request_starts(wishes=wishes, now=wishes[-1].queued_at)


def _admit_all(handler: RecordingHandler, at: datetime) -> list[int]:
    """What begins at this moment, by one admission after the other until nothing more does."""
    before = len(handler.started)
    while admission.admit(now=at):
        pass
    low = SlotHolder.objects.filter(pool="agents", is_reserved_class=False)
    limit = Limits.objects.get().max_agents
    if len(handler.started) > before:
        held = sum(low.values_list("units", flat=True))
        # Whoever was there before a limit was lowered may stay; nobody of the low class joins beyond its part.
        assert held <= limit - max(0, min(limit // 4, limit - 1)) or all(
            StartRequest.objects.get(subject_id=subject).priority >= HIGH for subject in handler.started[before:]
        )
    return handler.started[before:]


def _end(subjects: list[int], at: datetime) -> None:
    """Their slots come free, and who was parked behind their keys is looked at."""
    starts = list(StartRequest.objects.filter(subject_id__in=subjects))
    SlotHolder.objects.filter(start__in=starts).delete()
    moves.move_many(starts, StartStatus.DONE, now=at)
    admission.sweep_parked(now=at)
