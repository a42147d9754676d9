"""Budgets at admission: what is reserved, what waits, and what every way to end makes of a reservation."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.budget import BudgetBounds
from agents.enums import BudgetWindow, Pool, StartStatus
from agents.models import AgentRun, Budget, Limits, Reservation, Spending, StartRequest
from agents.selectors.budgets import Allowance, allowance_of, overdrawn
from agents.selectors.queue import queue, waiting
from agents.services import admission
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import make_agent, make_command, make_profile, make_start, set_limits
from tests.factories.workspaces import make_workspace

pytestmark = pytest.mark.django_db
KEY = "trigger:1"


@pytest.fixture(autouse=True)
def _limits() -> None:
    set_limits(max_agents=50, max_workspaces=50)


def budget(now: datetime, key: str = KEY, **bounds: Any) -> None:
    admission.set_budget(key=key, bounds=BudgetBounds(**bounds), now=now)


def wish(*subjects: int, now: datetime, **over: Any) -> list[StartRequest]:
    return [make_start(subject, now=now, **{"concurrency_key": KEY, **over}) for subject in subjects]


def end(start: StartRequest, *, now: datetime) -> None:
    for pool in Pool:
        admission.release(start=start, pool=pool, now=now)


def held() -> list[tuple[int, int | None, int | None]]:
    return list(Reservation.objects.order_by("start").values_list("runs", "tokens", "money"))


def spent() -> list[tuple[date, int, int, int]]:
    return list(Spending.objects.order_by("day").values_list("day", "runs", "tokens", "money"))


def worked(start: StartRequest, now: datetime, *usage: tuple[int | None, int | None], is_free: bool = False) -> None:
    """Runs of an agent of a start, with what each says it used."""
    agent = make_agent(profile=make_profile() if is_free else make_profile(command=make_command("true")))
    admission.charge(start=start, workspace_id=agent.workspace_id)
    for epoch, (tokens, money) in enumerate(usage, 1):
        AgentRun.objects.create(
            agent=agent, epoch=epoch, status="ended", owner="o", lease_until=now, started_at=now, began_at=now,
            tokens=tokens, money=money,
        )  # fmt: skip


def test_a_budget_of_runs_lets_so_many_begin_until_the_next_day(handler: RecordingHandler, now: datetime) -> None:
    budget(now, runs=2)
    first, _, third = wish(1, 2, 3, now=now)
    assert admission.admit(now=now) == 2
    end(first, now=now)
    assert (admission.admit(now=now), spent()) == (0, [(now.date(), 1, 0, 0)])
    third.refresh_from_db()
    assert (third.status, third.parked_for) == (StartStatus.PARKED, KEY)
    told = waiting(third, now=now)
    assert told is not None
    assert told.reason == (
        "its trigger's budget of 2 runs for today has none left, 1 held by runs at work; "
        "it begins anew on 2026-11-21 at 00:00 UTC; it is the next that it lets in"
    )
    tomorrow = datetime(2026, 11, 21, tzinfo=UTC)
    admission.expire_starts(now=tomorrow)
    assert admission.admit(now=tomorrow) == 1


def test_a_month_begins_anew_with_the_month(handler: RecordingHandler, now: datetime) -> None:
    budget(now, window=BudgetWindow.MONTH, runs=1)
    wish(1, 2, now=now)
    assert admission.admit(now=now) == 1
    for at, begins in ((now + timedelta(days=1), 0), (datetime(2026, 12, 1, tzinfo=UTC), 1)):
        admission.expire_starts(now=at)
        assert admission.admit(now=at) == begins


def test_a_maximum_of_tokens_is_reserved_and_what_was_not_used_comes_back(
    handler: RecordingHandler, now: datetime
) -> None:
    budget(now, tokens=100, tokens_per_run=40, money=1_000_000, money_per_run=1)
    first, _, third = wish(1, 2, 3, now=now)
    assert admission.admit(now=now) == 2
    assert held() == [(1, 40, 1)] * 2
    worked(first, now, (10, 1), (15, 0))
    end(first, now=now)
    assert spent() == [(now.date(), 1, 25, 1)]
    third.refresh_from_db()
    assert third.status == StartStatus.PARKED, "25 are used and 40 held; 35 are left of 100"
    budget(now, tokens=105, tokens_per_run=40)
    third.refresh_from_db()
    assert third.status == StartStatus.WAITING, "the budget was raised"
    assert admission.admit(now=now) == 1


def test_without_a_maximum_a_run_may_use_all_that_is_left_and_the_next_begins_after_it(
    handler: RecordingHandler, now: datetime
) -> None:
    budget(now, tokens=100)
    first, second = wish(1, 2, now=now)
    assert admission.admit(now=now) == 1
    assert held() == [(1, 100, None)]
    worked(first, now, (30, None))
    end(first, now=now)
    assert admission.admit(now=now) == 1
    assert held() == [(1, 70, None)]
    worked(second, now, (70, 5))
    end(second, now=now)
    wish(3, now=now)
    assert (admission.admit(now=now), spent()) == (0, [(now.date(), 2, 100, 5)])


@pytest.mark.parametrize(
    ("usage", "is_free", "tokens"),
    [
        ([], False, 0),
        ([(None, None)], False, 40),
        ([(10, None), (None, None)], False, 40),
        ([(50, None)], False, 50),
        ([(50, None), (None, None)], False, 50),
        ([(None, None)], True, 0),
        ([(0, None)], False, 0),
    ],
    ids=["none began", "silent", "one silent", "more than it held", "more, one silent", "uses no model", "nothing"],
)
def test_what_is_not_told_counts_with_what_was_reserved(
    handler: RecordingHandler, now: datetime, usage: list[tuple[int | None, int | None]], is_free: bool, tokens: int
) -> None:
    budget(now, tokens=100, tokens_per_run=40)
    (start,) = wish(1, now=now)
    admission.admit(now=now)
    worked(start, now, *usage, is_free=is_free)
    end(start, now=now)
    assert spent() == [(now.date(), 1, tokens, 0)]


def test_another_attempt_is_no_further_run(handler: RecordingHandler, now: datetime) -> None:
    budget(now, runs=1, tokens=10)
    (start,) = wish(1, now=now)
    admission.admit(now=now)
    admission.cancel_start(start=start, now=now, reason="its launch failed")
    assert (held(), spent()) == ([], [(now.date(), 1, 0, 0)])
    wish(1, now=now, is_resumed=True)
    assert admission.admit(now=now) == 1
    assert held() == [(0, 10, None)]


def test_to_give_back_twice_settles_once(handler: RecordingHandler, now: datetime) -> None:
    budget(now, runs=5)
    (start,) = wish(1, now=now)
    admission.admit(now=now)
    end(start, now=now)
    end(start, now=now)
    admission.cancel_start(start=start, now=now, reason="again")
    assert (held(), spent()) == ([], [(now.date(), 1, 0, 0)])


def test_what_ends_after_midnight_counts_for_the_day_on_which_it_began(
    handler: RecordingHandler, now: datetime
) -> None:
    budget(now, runs=1)
    (start,) = wish(1, now=now)
    admission.admit(now=now)
    end(start, now=now + timedelta(days=1))
    assert spent() == [(now.date(), 1, 0, 0)]


def test_a_start_that_breaks_its_handler_reserves_nothing(handler: RecordingHandler, now: datetime) -> None:
    budget(now, runs=3)
    handler.failure[1] = RuntimeError("broken")
    wish(1, 2, now=now)
    assert admission.admit(now=now) == 1
    assert list(Reservation.objects.values_list("start__subject_id", flat=True)) == [2]


def test_budgets_are_of_one_key_and_agents_that_start_again_are_not_asked(
    handler: RecordingHandler, now: datetime
) -> None:
    budget(now, runs=1)
    budget(now, key="trigger:2", runs=1)
    wish(1, 2, now=now)
    wish(3, now=now, concurrency_key="trigger:2")
    wish(4, now=now, concurrency_key="trigger:3")
    wish(5, now=now, concurrency_key="")
    admission.admit(now=now)
    assert sorted(handler.started) == [1, 3, 4, 5]


def test_a_budget_that_is_lowered_or_taken_away_ends_nothing(handler: RecordingHandler, now: datetime) -> None:
    budget(now, tokens=100, tokens_per_run=40)
    wish(1, 2, 3, now=now)
    assert admission.admit(now=now) == 2
    budget(now, tokens=10, tokens_per_run=10)
    assert (admission.admit(now=now), held()) == (0, [(1, 40, None)] * 2)
    budget(now)
    assert (Budget.objects.count(), Limits.objects.get().has_budgets) == (0, False)
    assert admission.admit(now=now) == 1
    end(StartRequest.objects.get(subject_id=1), now=now)
    assert spent() == [(now.date(), 1, 0, 0)], "what was reserved before is settled all the same"


def test_the_same_budget_again_changes_nothing(handler: RecordingHandler, now: datetime) -> None:
    budget(now)
    assert not Limits.objects.get().has_budgets
    budget(now, runs=1)
    before = Budget.objects.get().pk
    budget(now, runs=1)
    assert (Budget.objects.get().pk, Limits.objects.get().has_budgets) == (before, True)


def test_those_that_a_budget_keeps_back_say_how_many_go_first(handler: RecordingHandler, now: datetime) -> None:
    budget(now, runs=1)
    wishes = wish(1, 2, 3, 4, now=now)
    admission.admit(now=now)
    wishes[3].refresh_from_db()
    told = waiting(wishes[3], now=now)
    assert told is not None
    assert told.position is None
    assert told.reason.endswith("; 2 that wait for it go first")
    reasons = [one.reason.partition(" left")[0] for one in queue(now=now)]
    assert reasons == ["its trigger's budget of 1 run for today has none"] * 3


def statements(now: datetime) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert admission.admit(now=now) > 0
    return len(asked)


def test_budgets_cost_a_statement_for_all_and_none_where_nobody_has_one(
    handler: RecordingHandler, now: datetime
) -> None:
    wish(*range(10), now=now)
    without = statements(now)
    assert not Limits.objects.get().has_budgets
    budget(now, tokens=1_000, tokens_per_run=1)
    budget(now, key="trigger:2", runs=3)
    wish(*range(100, 105), now=now)
    wish(*range(105, 110), now=now, concurrency_key="trigger:2")
    parked = 2
    # One reads the budgets, one writes what is reserved; two beyond the budget are parked, which is one pass.
    with_them = statements(now)
    assert StartRequest.objects.filter(status=StartStatus.PARKED).count() == parked
    assert 2 <= with_them - without <= 4
    budget(now, key="trigger:3", runs=1)
    wish(*range(200, 230), now=now, concurrency_key="trigger:3")
    while admission.admit(now=now):
        pass
    wish(*range(300, 310), now=now)
    assert statements(now) - without == 2, "those that are parked cost nothing"


def test_a_run_may_use_what_was_reserved_less_what_those_before_it_used(
    handler: RecordingHandler, now: datetime
) -> None:
    agent = make_agent(workspace=make_workspace())
    run = AgentRun.objects.create(agent=agent, epoch=2, owner="o", lease_until=now, started_at=now)
    assert allowance_of(run) == Allowance()
    budget(now, tokens=100, tokens_per_run=40, money_per_run=9)
    (start,) = wish(1, now=now)
    admission.admit(now=now)
    admission.charge(start=start, workspace_id=agent.workspace_id)
    AgentRun.objects.create(
        agent=agent, epoch=1, status="ended", owner="o", lease_until=now, started_at=now, tokens=15, money=4
    )
    AgentRun.objects.filter(pk=run.pk).update(tokens=3)
    assert allowance_of(run) == Allowance(tokens=25, money=5)


@pytest.mark.parametrize(
    ("allowance", "words"),
    [
        (Allowance(), ""),
        (Allowance(tokens=10), ""),
        (Allowance(tokens=9), "10 tokens of 9"),
        (Allowance(money=1_000_000), "1.50 of 1.00"),
    ],
)
def test_more_than_the_allowance_is_told(allowance: Allowance, words: str) -> None:
    assert overdrawn(allowance, tokens=10, money=1_500_000) == words
