"""Random arrivals, ends, crashes and changes of budgets: at every admission what is used and held fits the budget."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from agents.budget import Account, BudgetBounds, Unit, begins_on, day_of
from agents.enums import BudgetWindow, Pool, StartStatus
from agents.models import AgentRun, Reservation, Spending, StartRequest
from agents.selectors.gate import Gate
from agents.services import admission
from agents.services.admission import budgets, slots
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import make_agent, make_command, make_profile, set_limits

pytestmark = pytest.mark.django_db
STEPS = 60
BOUNDS = {
    "trigger:0": BudgetBounds(runs=4, tokens=100, tokens_per_run=30),
    "trigger:1": BudgetBounds(window=BudgetWindow.MONTH, tokens=200, money=900),
    "trigger:2": BudgetBounds(window=BudgetWindow.MONTH, runs=9, money=500, money_per_run=120, tokens_per_run=7),
}
Amounts = Counter[Unit]


class Broken(AssertionError):
    """The books and what is remembered beside them differ, or a budget was passed."""


@dataclass
class Work:
    """One start at work, as the test remembers it: when it began and what it has used."""

    start: StartRequest
    began: datetime
    is_again: bool
    used: Amounts = field(default_factory=Counter)
    is_silent: bool = False


class World:
    """Starts of three triggers that arrive, work, end, crash and try again, with books of its own."""

    def __init__(self, seed: int, handler: RecordingHandler, now: datetime) -> None:
        self.chance = random.Random(seed)
        self.handler = handler
        self.now = now
        self.bounds = dict(BOUNDS)
        self.works: dict[int, Work] = {}
        self.spent: dict[tuple[str, date], Amounts] = {}
        self.subjects = 0
        self.begun_before: set[int] = set()
        self.profile = make_profile(command=make_command("true"))
        for key, bounds in self.bounds.items():
            admission.set_budget(key=key, bounds=bounds, now=now)

    def step(self) -> None:
        acts: list[Callable[[], None]] = [self.arrive, self.arrive, self.use, self.use, self.end, self.crash]
        self.chance.choice([*acts, self.change, self.wait])()
        self.admit()
        self.check()

    def arrive(self) -> None:
        self.subjects += 1
        self.ask(self.subjects, self.chance.choice(list(BOUNDS)), is_again=False)

    def ask(self, subject: int, key: str, *, is_again: bool) -> None:
        admission.request_start(
            kind="test", subject_id=subject, priority=5, now=self.now, concurrency_key=key, is_resumed=is_again
        )

    def use(self) -> None:
        """A program says what it has used, within what it may; or says nothing."""
        work = self.any_work()
        if work is None:
            return
        held = Reservation.objects.get(start=work.start)
        work.is_silent = self.chance.random() < 0.2
        agent = make_agent(profile=self.profile)
        admission.charge(start=work.start, workspace_id=agent.workspace_id)
        most = {Unit.TOKENS: held.tokens or 0, Unit.MONEY: held.money or 0}
        work.used = Counter({unit: self.chance.randint(0, amount) for unit, amount in most.items()})
        told = {unit.value: None if work.is_silent else work.used[unit] for unit in (Unit.TOKENS, Unit.MONEY)}
        AgentRun.objects.create(
            agent=agent, epoch=1, status="ended", owner="o", lease_until=self.now, started_at=self.now,
            began_at=self.now, **told,
        )  # fmt: skip
        if work.is_silent:
            work.used = Counter(most)

    def end(self) -> None:
        work = self.any_work()
        if work is not None:
            self.close(work)

    def crash(self) -> None:
        """It gives everything back, twice, and tries again."""
        work = self.any_work()
        if work is not None:
            self.close(work)
            admission.cancel_start(start=work.start, now=self.now, reason="it crashed")
            self.ask(work.start.subject_id, work.start.concurrency_key, is_again=True)

    def close(self, work: Work) -> None:
        for pool in self.chance.sample(list(Pool), 2):
            admission.release(start=work.start, pool=pool, now=self.now)
        del self.works[work.start.pk]
        place = self.spent.setdefault((work.start.concurrency_key, day_of(work.began)), Counter())
        place.update(work.used)
        place[Unit.RUNS] += not work.is_again

    def change(self) -> None:
        key = self.chance.choice(list(BOUNDS))
        self.bounds[key] = self.chance.choice([BOUNDS[key], BudgetBounds(runs=2, tokens=20), BudgetBounds(money=50)])
        admission.set_budget(key=key, bounds=self.bounds[key], now=self.now)

    def wait(self) -> None:
        self.now += timedelta(hours=self.chance.choice([1, 7, 30]))
        admission.expire_starts(now=self.now)

    def admit(self) -> None:
        while admission.admit(now=self.now, limit=self.chance.choice([1, 3, 50])):
            pass
        for start in StartRequest.objects.filter(status=StartStatus.ADMITTED).exclude(pk__in=self.works):
            self.works[start.pk] = Work(start, self.now, start.is_resumed)
            self.fits(start)

    def fits(self, start: StartRequest) -> None:
        """Whoever has just begun had its place: in no unit is more used and held than the budget of now allows."""
        key = start.concurrency_key
        bounds = self.bounds[key]
        first = begins_on(bounds.window, self.now)
        taken: Amounts = Counter()
        for (of, day), amounts in self.spent.items():
            taken.update(amounts if of == key and day >= first else {})
        for held in Reservation.objects.filter(key=key, day__gte=first):
            taken.update({Unit.RUNS: held.runs, Unit.TOKENS: held.tokens or 0, Unit.MONEY: held.money or 0})
        # A lowered budget may be passed by runs of before, and who tries again is no further one.
        most = {
            Unit.RUNS: None if start.is_resumed else bounds.runs,
            Unit.TOKENS: bounds.tokens,
            Unit.MONEY: bounds.money,
        }
        over = {unit: taken[unit] for unit, bound in most.items() if bound is not None and taken[unit] > bound}
        if over:
            raise Broken(f"{key} allows {bounds} and has {over}")

    def check(self) -> None:
        """Every start at work holds one reservation, nobody else does, and the books say what was used."""
        held = sorted(Reservation.objects.values_list("start", flat=True))
        if held != sorted(self.works):
            raise Broken(f"{held} hold reservations, {sorted(self.works)} work")
        stored = {(row.key, row.day): (row.runs, row.tokens, row.money) for row in Spending.objects.all()}
        known = {place: tuple(amounts[unit] for unit in Unit) for place, amounts in self.spent.items()}
        if stored != known:
            raise Broken(f"the books say {stored}, not {known}")

    def any_work(self) -> Work | None:
        return self.chance.choice(list(self.works.values())) if self.works else None


def run(seed: int, steps: int, handler: RecordingHandler, now: datetime) -> World:
    set_limits(max_agents=1_000, max_workspaces=1_000)
    world = World(seed, handler, now)
    for _ in range(steps):
        world.step()
    return world


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(1, STEPS), (2, STEPS), pytest.param(20261122, 1_500, marks=[pytest.mark.slow, pytest.mark.unmeasured])],
)
def test_no_budget_is_passed_and_no_reservation_leaks_or_counts_twice(
    seed: int, steps: int, handler: RecordingHandler, now: datetime
) -> None:
    world = run(seed, steps, handler, now)
    for work in list(world.works.values()):
        world.close(work)
    world.check()
    assert not Reservation.objects.exists()
    assert world.spent


def test_whoever_waits_begins_in_the_end(handler: RecordingHandler, now: datetime) -> None:
    world = run(3, 40, handler, now)
    world.bounds = dict(BOUNDS)
    for key, bounds in BOUNDS.items():
        admission.set_budget(key=key, bounds=bounds, now=now)
    for _ in range(100):
        for work in list(world.works.values()):
            world.close(work)
        world.now = datetime.combine(day_of(world.now) + timedelta(days=15), datetime.min.time(), UTC)
        admission.expire_starts(now=world.now)
        world.admit()
        world.check()
    assert set(StartRequest.objects.values_list("status", flat=True)) == {StartStatus.DONE}


def _never(*_: Any, **__: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("place", "name", "instead"),
    [
        (Gate, "short", _never),
        (Gate, "_learn_budgets", _never),
        (slots, "settle", _never),
        (budgets, "append", _never),
        (budgets, "_used", lambda _reserved: (0, 0)),
        (budgets, "_total", lambda told, _owed, _reserved: sum(amount or 0 for amount in told)),
        (Account, "left", property(lambda account: None if account.most is None else account.most - account.used)),
    ],
    ids=["asked", "read", "settled", "written", "what was used", "what was not told", "what is held"],
)
def test_without_a_guard_the_books_or_the_budgets_break(
    place: Any, name: str, instead: Any, handler: RecordingHandler, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, instead)
    with pytest.raises((Broken, Reservation.DoesNotExist)):
        run(1, 4 * STEPS, handler, now)
