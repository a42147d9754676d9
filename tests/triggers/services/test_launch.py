"""A launch prepares a workspace once, whoever is killed or comes twice, and says why where it cannot."""

import json
import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection

from accounts.actor import Actor
from agents.enums import AgentStatus, Pool
from agents.models import Agent, AgentMessage, SlotHolder
from agents.services import admission
from deliverables.models import Deliverable
from deliverables.services.specify import baselines
from tests.factories.agents import set_limits
from tests.factories.executions import make_admitted, make_event, make_execution
from triggers.enums import Attention, ExecutionStatus, StepStatus
from triggers.models import Execution
from triggers.services.executions import cancel
from triggers.services.launch import lease as launch_lease
from triggers.services.launch.admitted import launch_some
from workspaces import files
from workspaces.enums import WorkspaceStatus
from workspaces.models import Workspace
from workspaces.services.clone import build as make_directory

pytestmark = pytest.mark.django_db


def _fresh(execution: Execution) -> Execution:
    return Execution.objects.select_related("workspace", "start").get(pk=execution.pk)


def _steps(execution: Execution) -> dict[str, str]:
    return {step.name: step.status for step in execution.steps.all()}


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


def test_an_admitted_execution_gets_its_workspace_and_its_agent(now: datetime) -> None:
    pattern = "{trigger.name}: {item.title} #{event.data.pull_request.number}"
    execution = make_admitted(agent={"instructions": "Be short."}, workspace={"title_pattern": pattern})
    assert execution.status == ExecutionStatus.STARTING
    assert execution.deadline_at == now + timedelta(seconds=3600)
    assert launch_some(owner="a", now=now) == 1
    execution = _fresh(execution)
    assert (execution.status, execution.lease_owner, execution.lease_until) == (ExecutionStatus.RUNNING, "", None)
    workspace = execution.workspace
    assert workspace is not None
    assert (workspace.title, workspace.status) == ("Digest pull requests: Add a door #1", WorkspaceStatus.ACTIVE)
    assert (files.root_of(workspace) / "work/plan.md").read_text() == "plan"
    agent = Agent.objects.get()
    assert (agent.status, agent.start_id) == (AgentStatus.PENDING, execution.start_id)
    assert AgentMessage.objects.get(agent_id=agent.pk).text == "Be short."
    assert Deliverable.objects.get(workspace=workspace).name == "digest"
    assert _steps(execution) == {
        "clone": StepStatus.DONE,
        "context": StepStatus.DONE,
        "deploy": StepStatus.DONE,
        "work": StepStatus.RUNNING,
        "verify": StepStatus.PENDING,
    }
    assert launch_some(owner="a", now=now) == 0


def test_the_context_says_what_was_known(now: datetime) -> None:
    execution = make_admitted()
    launch_some(owner="a", now=now)
    workspace = _fresh(execution).workspace
    assert workspace is not None
    context = files.root_of(workspace) / "context"
    event = json.loads((context / "event.json").read_text())
    assert (event["actor"], event["changes"]) == ("octocat", {"status": ["open", "closed"]})
    assert event["facts"]["text"] == "Please look.  "
    assert json.loads((context / "item.json").read_text())["state"] == {"status": "closed"}
    assert json.loads((context / "previous.json").read_text())["state"] == {"status": "open"}
    assert json.loads((context / "history.json").read_text())[0]["version"] == 2
    assert "status: open → closed" in (context / "item.md").read_text()
    assert "obey" not in (context / "message.md").read_text()
    manifest = json.loads((context / "MANIFEST.json").read_text())
    assert {entry["trust"] for entry in manifest["files"]} == {"verified"}


def test_a_draft_waits_for_review_without_an_agents_slot(now: datetime) -> None:
    execution = make_admitted(workspace={"deploy": "draft"})
    launch_some(owner="a", now=now)
    execution = _fresh(execution)
    assert (execution.status, execution.attention) == (ExecutionStatus.NEEDS_ATTENTION, Attention.REVIEW)
    assert execution.workspace is not None
    assert execution.workspace.status == WorkspaceStatus.DRAFT
    assert _slots() == {"agents": 0, "workspaces": 1}
    assert not Agent.objects.exists()
    assert execution.deadline_at == pytest.approx(now + timedelta(days=7), abs=timedelta(minutes=1))


@pytest.mark.django_db(transaction=True)
def test_two_launchers_at_once_do_each_step_once(now: datetime) -> None:
    set_limits(max_agents=20)
    executions = [make_execution() for _ in range(6)]
    admission.admit(now=now)
    gate = threading.Barrier(2)
    took: list[int] = []

    def run(owner: str) -> None:
        try:
            gate.wait()
            took.append(launch_some(owner=owner, now=now))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(owner,)) for owner in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(took) == len(executions)
    assert Workspace.objects.count() == Agent.objects.count() == len(executions)
    assert set(Execution.objects.values_list("status", "epoch")) == {(ExecutionStatus.RUNNING.value, 1)}


def test_a_launch_that_was_cut_off_is_taken_on_when_its_lease_is_over(now: datetime) -> None:
    execution = make_admitted()
    assert launch_lease.claim(execution, owner="dead", now=now) is not None
    assert launch_some(owner="b", now=now + timedelta(seconds=59)) == 0
    assert launch_some(owner="b", now=now + timedelta(seconds=60)) == 1
    assert _fresh(execution).status == ExecutionStatus.RUNNING


def test_a_launcher_that_woke_up_late_is_refused(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_admitted()

    def overtaken(**values: object) -> object:
        monkeypatch.setattr("triggers.services.launch.steps.baselines", baselines)
        assert launch_some(owner="b", now=now + timedelta(minutes=2)) == 1
        return baselines(**values)  # type: ignore[arg-type]

    monkeypatch.setattr("triggers.services.launch.steps.baselines", overtaken)
    assert launch_some(owner="a", now=now) == 1
    assert _fresh(execution).epoch == 2
    assert _fresh(execution).status == ExecutionStatus.RUNNING
    assert Agent.objects.count() == 1


def test_a_failure_of_one_who_was_overtaken_changes_nothing(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_admitted()

    def overtaken(**values: object) -> object:
        monkeypatch.setattr("triggers.services.launch.steps.baselines", baselines)
        launch_some(owner="b", now=now + timedelta(minutes=2))
        raise RuntimeError("too late")

    monkeypatch.setattr("triggers.services.launch.steps.baselines", overtaken)
    launch_some(owner="a", now=now)
    assert _fresh(execution).status == ExecutionStatus.RUNNING


def test_a_launch_that_lost_the_race_for_the_lease_takes_nothing(now: datetime) -> None:
    execution = make_admitted()
    assert launch_lease.claim(execution, owner="a", now=now) is not None
    assert launch_lease.claim(execution, owner="b", now=now) is None


def test_one_that_another_launcher_took_first_is_passed_over(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    make_admitted()
    monkeypatch.setattr("triggers.services.launch.steps.claim", lambda *args, **values: None)
    assert launch_some(owner="a", now=now) == 0


def test_a_cancelled_execution_is_not_launched_further(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_admitted()

    def cancelled(**values: object) -> object:
        cancel(execution=execution, by=Actor.system("test"), now=now)
        return baselines(**values)  # type: ignore[arg-type]

    monkeypatch.setattr("triggers.services.launch.steps.baselines", cancelled)
    launch_some(owner="a", now=now)
    execution = _fresh(execution)
    assert execution.status == ExecutionStatus.CANCELLED
    assert execution.workspace is not None
    assert execution.workspace.status == WorkspaceStatus.FAILED
    assert not Agent.objects.exists()
    assert _slots() == {"agents": 0, "workspaces": 0}


def test_an_event_about_nothing_still_has_a_context(now: datetime) -> None:
    event = make_event(facts={"title": "Nightly"})
    event.item = None
    event.save()
    set_limits()
    execution = make_execution(event=event, workspace={"title_pattern": "{item.title}"})
    admission.admit(now=now)
    launch_some(owner="a", now=now)
    workspace = _fresh(execution).workspace
    assert workspace is not None
    assert workspace.title == "Nightly"
    names = [path.name for path in (files.root_of(workspace) / "context").iterdir()]
    assert sorted(names) == ["MANIFEST.json", "event.json"]


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_slow_clone_is_told_before_the_context_with_a_new_lease(
    now: datetime, monkeypatch: pytest.MonkeyPatch, is_slow: bool
) -> None:
    execution = make_admitted()
    seen: dict[str, str] = {}
    leases: list[datetime | None] = []

    def looked(**values: object) -> object:
        seen.update(_steps(execution))
        leases.append(_fresh(execution).lease_until)
        return baselines(**values)  # type: ignore[arg-type]

    def build(workspace: Workspace) -> None:
        leases.append(_fresh(execution).lease_until)
        make_directory(workspace)

    monkeypatch.setattr("triggers.services.launch.steps.baselines", looked)
    monkeypatch.setattr("triggers.services.launch.steps.clone.build", build)
    monkeypatch.setattr("triggers.services.launch.steps.TELL_AFTER", timedelta(seconds=0 if is_slow else 3600))
    launch_some(owner="a", now=now)
    assert (seen["clone"], seen["context"]) == (("done", "running") if is_slow else ("running", "pending"))
    taken, later = leases
    assert taken is not None
    assert later is not None
    assert (later > taken) is is_slow
