"""Stop and notify: the agent at work is replaced, and its successor goes on in its workspace, told of the news."""

import json
from datetime import datetime
from typing import Any

import pytest

from accounts.actor import Actor
from agents.enums import AgentStatus, IntentKind, IntentStatus, Pool, StartStatus, Strategy
from agents.models import Agent, AgentIntent, AgentMessage, AgentRun, ObsoleteAgentRecord, SlotHolder, StartRequest
from agents.services import admission, briefing, endings, intents, runs
from agents.services.batches import store
from agents.services.conversation import instructions_of
from agents.services.resume import wish_for_orphans
from agents.services.settle_intents import settle
from deliverables.enums import DeliverableStatus
from tests.agents.running import LEASE, message, running
from tests.factories.at_work import at_work, fresh
from tests.factories.executions import agent_of, make_event, make_execution, set_agent, set_deliverables
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.services.executions import cancel
from triggers.services.launch.admitted import launch_some
from triggers.services.settle.working import settle_some
from workspaces import files
from workspaces.enums import TrustTier, WorkspaceStatus
from workspaces.models import Workspace
from workspaces.services import context

pytestmark = pytest.mark.django_db
STOP = Strategy.STOP_AND_NOTIFY


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


def test_without_an_agent_at_work_a_fresh_one_begins_and_says_so(now: datetime) -> None:
    world = at_work(STOP)
    assert world.first.status == ExecutionStatus.RUNNING
    assert world.first.matching["outcome"] == "No agent at work matches: a fresh one begins."
    assert (world.first.attempt, world.first.attempts.count()) == (1, 1)
    assert StartRequest.objects.get().status == StartStatus.ADMITTED


def test_the_one_at_work_is_asked_to_stop_and_a_successor_waits_for_its_end(now: datetime) -> None:
    world = at_work(STOP)
    before = world.agent
    running(before, now)
    second = world.given()
    assert Workspace.objects.count() == 1
    assert (second.status, second.workspace_id) == (ExecutionStatus.RUNNING, world.first.workspace_id)
    assert second.matching["agent"] == before.pk
    assert second.matching["looked_at"] == [{"agent": before.pk, "workspace": world.first.workspace_id, "why_not": ""}]
    successor = agent_of(second)
    assert (successor.replaces_id, successor.status) == (before.pk, AgentStatus.PENDING)
    assert AgentIntent.objects.get(kind=IntentKind.STOP).agent_id == before.pk
    first = fresh(world.first)
    assert (first.status, first.replaced_by_id) == (ExecutionStatus.CANCELLED, second.pk)
    assert first.reason == f"News came: execution {second.pk} goes on in its workspace."
    assert Workspace.objects.get().status == WorkspaceStatus.ACTIVE
    # Two of them never work in one workspace: it neither asks for a slot nor could use one.
    assert wish_for_orphans(now=now) == 0
    assert runs.claim(successor.pk, owner="me", now=now, lease=LEASE) is None
    assert _slots() == {"agents": 1, "workspaces": 1}


def test_it_is_told_what_changed_and_what_was_under_way(now: datetime) -> None:
    world = at_work(STOP, agent={"instructions": "Be short."})
    before = world.agent
    run = running(before, now)
    store({run.pk: message("I am halfway.")}, owner="me", now=now, lease=LEASE)
    intents.tell(agent=before, text="Be quick.", by=Actor.system("anna"), now=now)
    assert endings.tell(run.pk, owner="me", now=now) == ["Be quick."]
    intents.tell(agent=before, text="Mind the gap.", by=Actor.system("anna"), now=now)
    second = world.given()
    _stop(before, run, now)
    successor = agent_of(second)
    settle(successor.pk, now=now)
    asked, known, news, people = instructions_of(successor)
    assert (asked, known, people) == ("Be short.", "Be quick.", "Mind the gap.")
    path = f"context/news/{second.pk}"
    assert f"`{path}/`" in news
    assert second.workspace is not None
    root = files.root_of(second.workspace)
    event = json.loads((root / path / "event.json").read_text())
    assert event["changes"] == {"title": ["a", "b"]}
    manifest = json.loads((root / "context/MANIFEST.json").read_text())
    paths = {entry["path"] for entry in manifest["files"]}
    assert {"event.json", f"news/{second.pk}/event.json"} <= paths
    admission.admit(now=now)
    claimed = runs.claim(successor.pk, owner="me", now=now, lease=LEASE)
    assert claimed is not None
    briefing.brief(claimed.run_id, now=now)
    told = (root / "context/run/before.md").read_text()
    assert "I am halfway." in told
    assert "stopped" in told
    assert json.loads((root / "context/run/run.json").read_text())["news"] == [path]


def _stop(agent: Agent, run: AgentRun, now: datetime) -> None:
    """As its supervisor does when the process has ended."""
    endings.stop_run(run.pk, owner="me", now=now)
    endings.stopped(run.pk, owner="me", now=now, exited=endings.Exited("News came."), by=Actor.system())


def test_the_replaced_one_is_archived_and_its_slot_goes_on(now: datetime) -> None:
    world = at_work(STOP, max_agents=1)
    before = world.agent
    run = running(before, now)
    second = world.given()
    assert second.status == ExecutionStatus.RUNNING  # although every slot is taken
    _stop(before, run, now)
    assert ObsoleteAgentRecord.objects.get().agent_id == before.pk
    assert _slots() == {"agents": 0, "workspaces": 1}
    assert admission.admit(now=now) == 1
    successor = agent_of(second)
    assert runs.claim(successor.pk, owner="me", now=now, lease=LEASE) is not None
    assert _slots() == {"agents": 1, "workspaces": 1}


def test_the_successor_proves_the_work_and_everything_is_given_back(now: datetime) -> None:
    world = at_work(STOP)
    settle_later = world.agent
    second = world.given()
    settle(settle_later.pk, now=now)  # it had no process yet: it is stopped at once
    admission.admit(now=now)
    set_deliverables(second, DeliverableStatus.SATISFIED)
    set_agent(second, AgentStatus.COMPLETED)
    settle_some(now=now)
    assert fresh(second).status == ExecutionStatus.SUCCEEDED
    assert Workspace.objects.get().status == WorkspaceStatus.COMPLETED
    SlotHolder.objects.filter(start__kind=admission.AGENT_START).delete()  # its supervisor's to give back
    assert _slots() == {"agents": 0, "workspaces": 0}
    open_ones = StartRequest.objects.filter(kind="execution", status=StartStatus.ADMITTED)
    assert not open_ones.exists()


def test_whatever_way_the_one_before_ends_its_successor_goes_on(now: datetime) -> None:
    world = at_work(STOP)
    before = world.agent
    second = world.given()
    Agent.objects.filter(pk=before.pk).update(status=AgentStatus.COMPLETED)
    assert wish_for_orphans(now=now) == 1
    admission.admit(now=now)
    assert runs.claim(agent_of(second).pk, owner="me", now=now, lease=LEASE) is not None


def test_news_upon_news_replaces_the_successor_and_loses_none(now: datetime) -> None:
    world = at_work(STOP)
    first_agent = world.agent
    second = world.given()
    third = world.given()
    assert Agent.objects.count() == 3
    newest = agent_of(third)
    middle = Agent.objects.get(replaces=first_agent)
    assert newest.replaces_id == middle.pk
    assert fresh(second).replaced_by_id == third.pk
    settle(first_agent.pk, now=now)
    settle(middle.pk, now=now)
    assert wish_for_orphans(now=now) == 0  # its wish is there already
    assert _slots()["workspaces"] == 1
    fourth = world.given()
    told = instructions_of(agent_of(fourth))
    paths = [f"`context/news/{one.pk}/`" for one in (second, third, fourth)]
    assert [path in text for path, text in zip(paths, told, strict=True)] == [True] * 3


def test_late_output_of_a_replaced_agent_lands_nowhere(now: datetime) -> None:
    run, successor = _replaced(now)
    assert store({run.pk: message("too late")}, owner="me", now=now, lease=LEASE) == {run.pk}
    assert not _said("too late")
    assert agent_of(Execution.objects.latest("pk")).pk == successor.pk


def test_that_is_the_fences_doing(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the guard the late words would be kept: so the test above sees the guard, and nothing else."""
    run, _ = _replaced(now)
    unguarded = {one.pk: one for one in AgentRun.objects.filter(pk=run.pk)}
    monkeypatch.setattr("agents.services.batches.hold_runs", lambda *_, **__: unguarded)
    store({run.pk: message("too late")}, owner="me", now=now, lease=LEASE)
    assert _said("too late")


def _replaced(now: datetime) -> tuple[AgentRun, Agent]:
    world = at_work(STOP)
    before = world.agent
    run = running(before, now)
    second = world.given()
    _stop(before, run, now)
    return run, agent_of(second)


def _said(text: str) -> bool:
    return AgentMessage.objects.filter(text=text).exists()


def test_one_that_ended_between_the_look_and_the_deed_is_looked_for_anew(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = at_work(STOP)
    before = world.agent
    second = world.news()
    write = context.add

    def ended(**values: Any) -> object:
        intents.stop(agent=before, by=Actor.system(), now=now, reason="by hand")
        return write(**values)

    monkeypatch.setattr(context, "add", ended)
    launch_some(owner="a", now=now)
    assert fresh(second).status == ExecutionStatus.STARTING
    monkeypatch.undo()
    launch_some(owner="a", now=now)
    second = fresh(second)
    assert second.status == ExecutionStatus.QUEUED
    assert [look["why_not"] for look in second.matching["looked_at"]] == ["it is being stopped"]
    admission.admit(now=now)
    launch_some(owner="a", now=now)
    second = fresh(second)
    assert second.status == ExecutionStatus.RUNNING
    assert second.workspace_id != world.first.workspace_id
    assert second.attempt == 1


def test_what_is_trusted_less_begins_a_fresh_one(now: datetime) -> None:
    world = at_work(STOP)
    second = world.given(trust_tier=TrustTier.OPEN)
    assert second.status == ExecutionStatus.QUEUED
    assert second.matching["looked_at"][0]["why_not"] == "the event is trusted less than what it works on"


def test_a_draft_is_always_made_anew(now: datetime) -> None:
    world = at_work(STOP, workspace={"deploy": "draft"})
    assert world.first.status == ExecutionStatus.NEEDS_ATTENTION
    assert world.first.matching == {}


def test_an_event_about_no_item_begins_a_fresh_one(now: datetime) -> None:
    world = at_work(STOP)
    event = make_event()
    event.item = None
    event.save()
    execution = make_execution(event=event, trigger=world.trigger)
    admission.admit(now=now)
    launch_some(owner="a", now=now)
    assert fresh(execution).matching["outcome"] == "The event is about no item: a fresh one begins."


def test_a_cancelled_one_stops_the_successor_too(now: datetime) -> None:
    world = at_work(STOP)
    second = world.given()
    cancel(execution=second, by=Actor.system(), now=now)
    for agent in Agent.objects.all():
        settle(agent.pk, now=now)
    settle_some(now=now)
    assert set(Agent.objects.values_list("status", flat=True)) == {AgentStatus.STOPPED}
    assert _slots() == {"agents": 0, "workspaces": 0}
    assert not AgentIntent.objects.filter(status=IntentStatus.PENDING).exists()
    assert not StartRequest.objects.filter(status__in=["waiting", "parked", "admitted"]).exists()


def test_one_with_a_slot_still_waits_for_the_end_of_the_one_before(now: datetime) -> None:
    world = at_work(STOP)
    running(world.agent, now)
    successor = agent_of(world.given())
    assert successor.start is not None
    SlotHolder.objects.create(start=successor.start, pool=Pool.AGENTS, units=1, taken_at=now)
    assert runs.claim(successor.pk, owner="me", now=now, lease=LEASE) is None
