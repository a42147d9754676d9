"""The budget of a trigger from its publication to the end of a run: what waits, what is reserved, what was used."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from agents.budget import Unit
from agents.enums import AgentStatus, StartStatus
from agents.models import Agent, AgentRun, Budget, Limits, Reservation, Spending, StartRequest
from agents.selectors.queue import waiting
from agents.services import admission, reaping
from agents.services.resume import resume
from tests.factories.agents import make_command, make_profile, set_limits
from tests.factories.executions import agent_of, make_event, make_execution
from tests.factories.triggers import NOON, after, make_trigger
from triggers.enums import ExecutionStatus
from triggers.models import Execution, Trigger
from triggers.selectors.budgets import budget_of
from triggers.services import executions, standing
from triggers.services.attention import approve
from triggers.services.drafts import save_draft
from triggers.services.launch.admitted import launch_some
from triggers.services.publishing import publish, rollback
from triggers.services.settle.working import settle_some

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
LEASE = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def _limits() -> None:
    set_limits(max_agents=9, max_workspaces=9)


def with_budget(**limits: Any) -> Trigger:
    parts = limits.pop("parts", {})
    trigger = make_trigger(limits=limits, **parts)
    profile = make_profile(owner=trigger.owner, command=make_command("true"))
    return republished(trigger, agent={"profile_id": profile.pk})


def republished(trigger: Trigger, *, now: datetime = NOON, **parts: Any) -> Trigger:
    trigger.refresh_from_db()
    save_draft(trigger=trigger, document={**trigger.draft, **parts}, version=trigger.version, by=SYSTEM, now=now)
    publish(trigger=trigger, by=SYSTEM, now=now)
    trigger.refresh_from_db()
    return trigger


def launched(trigger: Trigger, *, now: datetime = NOON) -> Execution:
    execution = make_execution(trigger=trigger, event=make_event(now=now), now=now)
    admission.admit(now=now)
    launch_some(owner="test", now=now)
    execution.refresh_from_db()
    return execution


def a_run(execution: Execution, tokens: int | None, *, status: str = "running", lease: timedelta = LEASE) -> AgentRun:
    """A run of its agent that was let go and has said so much."""
    agent = agent_of(execution)
    Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.RUNNING)
    return AgentRun.objects.create(
        agent=agent, epoch=agent.runs.count() + 1, status=status, owner="test", lease_until=NOON + lease,
        started_at=NOON, began_at=NOON, tokens=tokens,
    )  # fmt: skip


def left(trigger: Trigger, unit: Unit = Unit.TOKENS, now: datetime = NOON) -> int | None:
    room = budget_of(trigger, now=now)
    assert room is not None
    return room.accounts[unit].left


def test_what_is_published_counts_and_a_draft_does_not() -> None:
    trigger = with_budget(budget_runs=3, budget_window="month", budget_money=12.5, max_tokens_per_run=7)
    row = Budget.objects.get()
    assert (row.key, row.window, row.runs, row.tokens, row.money) == (
        f"trigger:{trigger.pk}", "month", 3, None, 12_500_000,
    )  # fmt: skip
    assert (row.tokens_per_run, row.money_per_run) == (7, None)
    first = trigger.published
    assert first is not None
    save_draft(trigger=trigger, document={**trigger.draft, "limits": {}}, version=trigger.version, by=SYSTEM, now=NOON)
    assert Budget.objects.get().runs == 3
    republished(trigger, limits={})
    assert (Budget.objects.exists(), Limits.objects.get().has_budgets) == (False, False)
    rollback(trigger=trigger, revision=first, by=SYSTEM, now=NOON)
    assert Budget.objects.get().runs == 3
    entry = AuditEntry.objects.filter(action="trigger.published").latest("id")
    assert entry.after["document"]["limits"]["budget_runs"] == 3
    standing.delete_trigger(trigger=trigger, by=SYSTEM, now=NOON)
    assert not Budget.objects.exists()


def test_a_run_beyond_the_budget_waits_says_why_and_begins_when_a_larger_one_is_published() -> None:
    trigger = with_budget(budget_tokens=100, max_tokens_per_run=60)
    launched(trigger)
    second = make_execution(trigger=trigger, now=NOON)
    assert admission.admit(now=NOON) == 0
    start = StartRequest.objects.get(subject_id=second.pk)
    told = waiting(start, now=NOON)
    assert told is not None
    assert told.reason == (
        "its trigger's budget of 100 tokens for today has 40 left, 60 held by runs at work; a run may use 60 tokens; "
        "it begins anew on 2026-11-21 at 00:00 UTC; it is the next that it lets in"
    )
    republished(trigger, limits={"budget_tokens": 120, "max_tokens_per_run": 60})
    start.refresh_from_db()
    assert start.status == StartStatus.WAITING
    assert admission.admit(now=NOON) == 1
    assert left(trigger) == 0


def test_a_budget_that_is_first_published_counts_for_what_waits_already() -> None:
    trigger = with_budget()
    for _ in range(2):
        make_execution(trigger=trigger, now=NOON)
    republished(trigger, limits={"budget_runs": 1})
    assert admission.admit(now=NOON) == 1


def test_the_next_day_lets_in_who_waited() -> None:
    trigger = with_budget(budget_runs=1)
    launched(trigger)
    make_execution(trigger=trigger, now=NOON)
    tomorrow = datetime(2026, 11, 21, tzinfo=UTC)
    for at, begun in ((NOON, 0), (tomorrow - timedelta(seconds=1), 0), (tomorrow, 1)):
        admission.expire_starts(now=at)
        assert admission.admit(now=at) == begun


def test_a_run_that_succeeds_gives_back_what_it_did_not_use() -> None:
    trigger = with_budget(budget_tokens=100, max_tokens_per_run=60)
    execution = launched(trigger)
    assert Reservation.objects.get().workspace_id == execution.workspace_id
    a_run(execution, 25, status="ended")
    Agent.objects.update(status=AgentStatus.COMPLETED)
    settle_some(now=after(1))
    execution.refresh_from_db()
    assert (execution.status, left(trigger)) == (ExecutionStatus.SUCCEEDED, 75)


def test_a_cancelled_run_holds_its_part_until_its_process_has_ended() -> None:
    trigger = with_budget(budget_tokens=100, max_tokens_per_run=60)
    execution = launched(trigger)
    run = a_run(execution, 25)
    executions.cancel(execution=execution, by=SYSTEM, now=after(1))
    assert left(trigger) == 40
    AgentRun.objects.filter(pk=run.pk).update(status="ended")
    Agent.objects.update(status=AgentStatus.STOPPED)
    for _ in range(2):
        settle_some(now=after(2))
    assert (left(trigger), Reservation.objects.exists()) == (75, False)


def test_a_run_that_was_queued_and_is_cancelled_never_reserved() -> None:
    trigger = with_budget(budget_runs=1)
    execution = make_execution(trigger=trigger, now=NOON)
    executions.cancel(execution=execution, by=SYSTEM, now=after(1))
    assert (left(trigger, Unit.RUNS), Spending.objects.exists()) == (1, False)


def test_a_lost_run_is_tried_again_under_the_same_reservation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaping, "reap_orphan", lambda *_args, **_named: None)
    trigger = with_budget(budget_runs=5, budget_tokens=100, max_tokens_per_run=60)
    execution = launched(trigger)
    a_run(execution, 20)
    assert reaping.reap(now=NOON + LEASE) == 1
    assert admission.admit(now=NOON + LEASE) == 1, "its agent asks for a slot, and for nothing of the budget"
    assert (Reservation.objects.count(), left(trigger), left(trigger, Unit.RUNS)) == (1, 40, 4)
    a_run(execution, 15, status="ended")
    Agent.objects.update(status=AgentStatus.COMPLETED)
    settle_some(now=after(60))
    assert (left(trigger), left(trigger, Unit.RUNS), Reservation.objects.exists()) == (65, 4, False)


def test_a_launch_that_fails_gives_everything_back_and_the_next_attempt_reserves_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trigger = with_budget(budget_runs=1, budget_tokens=60)
    monkeypatch.setattr("triggers.services.launch.steps.clone.build", _broken)
    execution = launched(trigger)
    assert (execution.status, left(trigger)) == (ExecutionStatus.QUEUED, 60)
    assert Spending.objects.get().runs == 1
    assert admission.admit(now=after(60)) == 1
    assert (left(trigger), Reservation.objects.get().runs) == (0, 0)


def _broken(_workspace: object) -> None:
    raise RuntimeError("no clone today")


def test_a_draft_that_is_approved_uses_what_was_reserved_when_it_was_prepared() -> None:
    trigger = with_budget(budget_tokens=100, max_tokens_per_run=60, parts={"workspace": {"deploy": "draft"}})
    execution = launched(trigger)
    assert (execution.status, left(trigger)) == (ExecutionStatus.NEEDS_ATTENTION, 40)
    approve(execution=execution, by=SYSTEM, now=after(1))
    assert admission.admit(now=after(1)) == 1
    a_run(execution, 10, status="ended")
    Agent.objects.update(status=AgentStatus.COMPLETED)
    settle_some(now=after(2))
    assert left(trigger) == 90


def test_an_answered_question_goes_on_under_the_same_reservation() -> None:
    trigger = with_budget(budget_tokens=100, max_tokens_per_run=60)
    execution = launched(trigger)
    a_run(execution, 10, status="ended")
    Agent.objects.update(status=AgentStatus.WAITING, waits_for="question")
    settle_some(now=after(1))
    assert left(trigger) == 40
    resume(agent=agent_of(execution), now=after(2))
    assert admission.admit(now=after(2)) == 1
    assert (left(trigger), Reservation.objects.count()) == (40, 1)


def test_a_deleted_workspace_leaves_the_books_right() -> None:
    trigger = with_budget(budget_tokens=100, max_tokens_per_run=60)
    execution = launched(trigger)
    assert execution.workspace is not None
    execution.workspace.delete()
    executions.cancel(execution=execution, by=SYSTEM, now=after(1))
    settle_some(now=after(2))
    assert (left(trigger), Reservation.objects.exists()) == (100, False)
