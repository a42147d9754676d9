"""Queue for existing: the agent at work is told at its next turn; the execution waits for the gate to hold again."""

import json
from datetime import datetime, timedelta

import pytest

from accounts.actor import Actor
from agents.enums import AgentStatus, IntentKind, IntentStatus, Pool, StartStatus, Strategy, WaitsFor
from agents.models import Agent, AgentIntent, AgentRun, SlotHolder, StartRequest
from agents.services import admission, briefing, endings, runs
from agents.services.conversation import instructions_of
from agents.services.intents import stop
from agents.services.settle_intents import settle
from deliverables.models import Deliverable
from tests.agents.running import DONE, LEASE, running
from tests.factories.agents import set_limits
from tests.factories.at_work import AtWork, at_work, fresh, launch
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.services.executions import cancel
from triggers.services.settle.working import settle_deadlines, settle_some
from workspaces import files
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
QUEUE = Strategy.QUEUE_FOR_EXISTING
S = ExecutionStatus


def _steps(execution: Execution) -> dict[str, str]:
    return {step.name: step.status for step in execution.steps.all()}


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


def _turn(agent: Agent, now: datetime) -> AgentRun:
    """Its next run, which reads what it is asked."""
    claimed = runs.claim(agent.pk, owner="me", now=now, lease=LEASE)
    assert claimed is not None
    assert runs.let_go(claimed.run_id, owner="me", now=now, lease=LEASE, go=lambda: None) == ""
    briefing.brief(claimed.run_id, now=now)
    return AgentRun.objects.get(pk=claimed.run_id)


def _working(now: datetime, **parts: object) -> tuple[AtWork, AgentRun]:
    world = at_work(QUEUE, **parts)  # type: ignore[arg-type]
    return world, running(world.agent, now)


def test_it_is_given_to_the_agent_at_work_without_a_workspace_or_a_slot(now: datetime) -> None:
    world, _ = _working(now, max_agents=1)
    second = world.given()
    assert (second.status, second.workspace_id) == (S.RUNNING, None)
    assert second.reason == f"Agent {world.agent.pk} is told at its next turn."
    assert _steps(second) == {
        "context": "done",
        "deliver_update": "running",
        "work": "pending",
        "verify": "pending",
    }
    assert list(second.steps.values_list("name", flat=True)) == ["context", "deliver_update", "work", "verify"]
    assert Workspace.objects.count() == Agent.objects.count() == 1
    assert _slots() == {"agents": 1, "workspaces": 1}
    assert fresh(world.first).status == S.RUNNING


def test_it_is_told_at_its_next_turn_and_not_in_the_middle_of_one(now: datetime) -> None:
    world, run = _working(now)
    second = world.given()
    assert settle(world.agent.pk, now=now) == "wait"
    assert endings.tell(run.pk, owner="me", now=now) == []
    assert instructions_of(world.agent) == []
    assert endings.claim_done(run.pk, owner="me", now=now) is False
    assert world.agent.status == AgentStatus.PENDING
    assert second.news is not None
    _turn(world.agent, now)
    root = files.root_of(world.agent.workspace)
    page = (root / "context/run/instructions.md").read_text()
    assert f"News (update {second.news.pk})" in page
    assert f"context/news/{second.pk}/" in page
    assert json.loads((root / f"context/news/{second.pk}/event.json").read_text())["changes"] == {"title": ["a", "b"]}


def test_several_are_told_together_in_the_order_in_which_they_came(now: datetime) -> None:
    world, run = _working(now)
    given = [world.given() for _ in range(3)]
    assert endings.claim_done(run.pk, owner="me", now=now) is False
    told = instructions_of(world.agent)
    assert [f"context/news/{one.pk}/" in text for one, text in zip(given, told, strict=True)] == [True] * 3
    again = _turn(world.agent, now)
    assert endings.claim_done(again.pk, owner="me", now=now) is True
    assert len(instructions_of(world.agent)) == 3


def test_it_succeeds_when_it_was_told_and_the_gate_held_again(now: datetime) -> None:
    world, run = _working(now)
    second = world.given()
    assert settle_some(now=now) == 0
    endings.claim_done(run.pk, owner="me", now=now)
    settle_some(now=now)
    assert _steps(second)["deliver_update"] == "done"
    assert fresh(second).status == S.RUNNING
    again = _turn(world.agent, now)
    assert endings.claim_done(again.pk, owner="me", now=now) is True
    Deliverable.objects.update(status="satisfied")
    assert endings.complete(again.pk, owner="me", now=now, exited=DONE) == AgentStatus.COMPLETED
    settle_some(now=now)
    assert (fresh(world.first).status, fresh(second).status) == (S.SUCCEEDED, S.SUCCEEDED)
    assert set(_steps(second).values()) == {"done"}
    assert _slots() == {"agents": 0, "workspaces": 0}
    assert set(StartRequest.objects.values_list("status", flat=True)) == {StartStatus.DONE}


def test_what_comes_while_the_gate_looks_is_not_lost(now: datetime) -> None:
    world, run = _working(now)
    assert endings.claim_done(run.pk, owner="me", now=now) is True
    second = world.given()
    assert endings.complete(run.pk, owner="me", now=now, exited=DONE) == AgentStatus.PENDING
    assert len(instructions_of(world.agent)) == 1
    settle_some(now=now)
    assert _steps(second)["deliver_update"] == "done"


@pytest.mark.parametrize("was_told", [False, True])
@pytest.mark.parametrize("ended", [AgentStatus.FAILED, AgentStatus.STOPPED, AgentStatus.COMPLETED])
def test_where_the_agent_ends_first_a_fresh_one_begins(now: datetime, ended: AgentStatus, was_told: bool) -> None:
    world, _ = _working(now)
    second = world.given()
    Agent.objects.update(status=ended)
    if was_told:
        AgentIntent.objects.update(status=IntentStatus.DONE)
    settle_some(now=now)
    second = fresh(second)
    if ended == AgentStatus.COMPLETED and was_told:
        assert second.status == S.SUCCEEDED
        return
    assert (second.status, second.news) == (S.QUEUED, None)
    assert second.matching["fell_back"]["agent"] == world.agent.pk
    assert second.start is not None
    assert (second.start.status, second.start.agents, second.start.workspaces) == (StartStatus.WAITING, 1, 1)
    SlotHolder.objects.all().delete()
    second = launch(second)
    assert second.status == S.RUNNING
    assert second.workspace_id not in (None, world.first.workspace_id)
    assert _steps(second) == {
        "clone": "done",
        "context": "done",
        "deploy": "done",
        "work": "running",
        "verify": "pending",
    }


def test_one_that_fell_back_is_given_to_nobody_again(now: datetime) -> None:
    world, _ = _working(now)
    second = world.given()
    Agent.objects.update(status=AgentStatus.FAILED)
    settle_some(now=now)
    Agent.objects.update(status=AgentStatus.RUNNING)  # one that would match
    second = launch(second)
    assert second.workspace_id not in (None, world.first.workspace_id)
    assert "fell_back" in second.matching


def test_an_agent_that_waits_for_a_person_goes_on_with_the_news(now: datetime) -> None:
    world, run = _working(now)
    endings.ask(run.pk, owner="me", now=now, exited=DONE, question="Which one?")
    assert world.agent.waits_for == WaitsFor.QUESTION
    world.given()
    assert settle(world.agent.pk, now=now) == "resume"
    assert world.agent.status == AgentStatus.PENDING
    assert len(instructions_of(world.agent)) == 1


def test_news_is_handed_on_with_the_work(now: datetime) -> None:
    """An agent that is replaced before it proved anything leaves its news to its successor, told or not."""
    world, run = _working(now)
    told, untold = world.given(), None
    endings.claim_done(run.pk, owner="me", now=now)
    untold = world.given()
    document = dict(world.trigger.published.document)  # type: ignore[union-attr]
    document["agent"] = {**document["agent"], "strategy": Strategy.STOP_AND_NOTIFY.value}
    type(world.trigger.published).objects.update(document=document)  # type: ignore[union-attr]
    world.trigger.refresh_from_db()
    third = world.given()
    predecessor = Agent.objects.get(replaced_by__isnull=False)
    settle(predecessor.pk, now=now)
    successor = Agent.objects.get(replaces=predecessor)
    settle(successor.pk, now=now)
    paths = [f"context/news/{one.pk}/" for one in (third, told, untold)]
    assert [path in text for path, text in zip(paths, instructions_of(successor), strict=True)] == [True] * 3
    Agent.objects.filter(pk=successor.pk).update(status=AgentStatus.COMPLETED)
    Deliverable.objects.update(status="satisfied")
    settle_some(now=now)
    assert [fresh(one).status for one in (told, untold, third)] == [S.SUCCEEDED] * 3


def test_a_cancelled_one_is_not_told_any_more(now: datetime) -> None:
    world, run = _working(now)
    second = world.given()
    cancel(execution=second, by=Actor.system(), now=now)
    assert AgentIntent.objects.get(kind=IntentKind.NEWS).status == IntentStatus.DROPPED
    assert endings.claim_done(run.pk, owner="me", now=now) is True
    assert world.agent.status == AgentStatus.RUNNING  # the work of the other goes on
    assert StartRequest.objects.get(subject_id=second.pk, kind="execution").status == StartStatus.DONE


def test_one_that_is_not_told_by_its_deadline_times_out(now: datetime) -> None:
    world, _ = _working(now)
    second = world.given()
    Execution.objects.filter(pk=world.first.pk).update(deadline_at=now + timedelta(days=1))
    assert settle_deadlines(now=now + timedelta(hours=1)) == 1
    assert fresh(second).status == S.TIMED_OUT
    assert fresh(world.first).status == S.RUNNING
    assert not AgentIntent.objects.filter(kind=IntentKind.STOP).exists()


def test_an_agent_that_is_being_stopped_is_given_nothing(now: datetime) -> None:
    world, _ = _working(now)
    stop(agent=world.agent, by=Actor.system(), now=now, reason="by hand")
    second = launch(world.news())
    assert second.workspace_id not in (None, world.first.workspace_id)


def test_news_that_is_at_its_door_when_both_pools_are_full_is_let_in(now: datetime) -> None:
    world, _ = _working(now, max_agents=1)
    set_limits(max_agents=1, max_workspaces=1)
    given = [world.news() for _ in range(3)]
    assert {one.status for one in given} == {S.STARTING}
    assert admission.admit(now=now) == 0


def test_where_the_agent_ends_in_that_very_moment_it_is_looked_at_anew(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = _working(now)
    with monkeypatch.context() as patched:
        patched.setattr("agents.services.intents.bring_news", lambda **_: None)
        second = world.given()
    assert (second.status, second.lease_owner, second.news_id) == (S.STARTING, "", None)
    assert launch(second).status == S.RUNNING
    assert fresh(second).news is not None


def test_room_that_was_given_already_is_given_back(now: datetime) -> None:
    world, _ = _working(now)
    second = world.news()
    assert second.start is not None
    SlotHolder.objects.create(start=second.start, pool=Pool.WORKSPACES, units=1, taken_at=now)
    launch(second)
    assert not SlotHolder.objects.filter(start=second.start).exists()
