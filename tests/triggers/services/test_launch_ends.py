"""What cannot be launched fails with its reason, waits for room, or is tried again, and never for ever."""

from datetime import datetime, timedelta

import pytest

from accounts.actor import Actor
from agents.enums import Pool, StartStatus
from agents.models import AgentProfile, RuntimeCommand, SlotHolder, StartRequest
from agents.services import admission
from tests.factories.agents import make_command, make_profile
from tests.factories.executions import make_admitted
from triggers.enums import Attention, ExecutionStatus, StepStatus
from triggers.models import Attempt, Execution
from triggers.services import executions
from triggers.services.launch import ends as launch_ends
from triggers.services.launch.admitted import launch_some
from workspaces import files
from workspaces.enums import WorkspaceStatus
from workspaces.models import Workspace, WorkspaceTemplate
from workspaces.services import clone, templates
from workspaces.services.clone import build

pytestmark = pytest.mark.django_db


def _fresh(execution: Execution) -> Execution:
    return Execution.objects.select_related("workspace", "start").get(pk=execution.pk)


def _steps(execution: Execution) -> dict[str, str]:
    return {step.name: step.status for step in execution.steps.all()}


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


GONE = {
    "template deleted": "workspace template is gone",
    "template archived": "was archived",
    "template's files": "missing on disk",
    "profile archived": "agent profile is gone",
    "program disabled": "is switched off",
}


@pytest.mark.parametrize("what", GONE)
def test_what_is_gone_fails_at_once_with_the_reason(what: str, now: datetime) -> None:
    profile = make_profile(command=make_command("true")) if what == "program disabled" else make_profile()
    execution = make_admitted(agent={"profile_id": profile.pk})
    template = WorkspaceTemplate.objects.get()
    match what:
        case "template deleted":
            template.delete()
        case "template archived":
            templates.archive(template=template, by=Actor.system(), now=now)
        case "template's files":
            files.remove_tree(files.template_root(template))
        case "profile archived":
            AgentProfile.objects.update(is_archived=True)
        case "program disabled":
            RuntimeCommand.objects.update(is_enabled=False)
    launch_some(owner="a", now=now)
    execution = _fresh(execution)
    assert execution.status == ExecutionStatus.FAILED
    assert GONE[what] in execution.reason
    assert execution.dead_lettered_at is not None
    assert _slots() == {"agents": 0, "workspaces": 0}
    assert Attempt.objects.get().outcome == ExecutionStatus.FAILED
    assert _steps(execution)["clone"] == StepStatus.FAILED
    assert _steps(execution)["verify"] == StepStatus.SKIPPED


def test_a_launch_that_fails_after_it_was_cancelled_leaves_it_cancelled(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = make_admitted()

    def cancelled_meanwhile(workspace: Workspace) -> None:
        executions.cancel(execution=execution, by=Actor.system(), now=now, reason="Never mind.")
        raise files.NoSpace

    monkeypatch.setattr(clone, "build", cancelled_meanwhile)
    launch_some(owner="a", now=now)
    execution = _fresh(execution)
    assert (execution.status, execution.reason) == (ExecutionStatus.CANCELLED, "Never mind.")


def test_an_execution_without_a_template_gets_an_empty_workspace(now: datetime) -> None:
    execution = make_admitted(workspace={"template_id": None})
    launch_some(owner="a", now=now)
    workspace = _fresh(execution).workspace
    assert workspace is not None
    assert workspace.title == "Digest pull requests"


@pytest.mark.parametrize("where", ["watermark", "copy"])
def test_a_full_disk_makes_it_wait_with_the_reason_and_is_no_failure(
    where: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = make_admitted()

    def full(workspace: Workspace) -> None:
        raise files.NoSpace

    if where == "watermark":
        monkeypatch.setattr("triggers.services.launch.admitted.files.enough_space", lambda: False)
    else:
        monkeypatch.setattr(clone, "build", full)
    launch_some(owner="a", now=now)
    execution = _fresh(execution)
    assert (execution.status, execution.attempt, execution.lease_owner) == (ExecutionStatus.STARTING, 1, "")
    assert "Free some space" in execution.reason
    assert _slots() == {"agents": 1, "workspaces": 1}
    assert launch_some(owner="a", now=now + timedelta(seconds=5)) == 0
    monkeypatch.undo()
    later = now + timedelta(hours=5)
    assert launch_some(owner="a", now=later) == 1
    assert (_fresh(execution).status, _fresh(execution).reason) == (ExecutionStatus.RUNNING, "")


def test_a_passing_failure_is_tried_again_later_and_the_last_one_is_dead_lettered(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = make_admitted(limits={"max_attempts": 2})

    def broken(workspace: Workspace) -> None:
        raise OSError(5, "the disk coughs")

    monkeypatch.setattr(clone, "build", broken)
    launch_some(owner="a", now=now)
    execution = _fresh(execution)
    assert execution.status == ExecutionStatus.QUEUED
    assert execution.reason.startswith("Attempt 1 of 2 failed: The workspace could not be prepared (OSError")
    assert execution.not_before is not None
    assert execution.start is not None
    assert execution.not_before > now
    assert execution.start.not_before == execution.not_before
    assert execution.start.is_resumed
    assert _slots() == {"agents": 0, "workspaces": 0}
    assert set(StartRequest.objects.values_list("status", flat=True)) == {StartStatus.DONE, StartStatus.WAITING}
    assert admission.admit(now=now) == 0
    later = now + timedelta(minutes=5)
    assert admission.admit(now=later) == 1
    launch_some(owner="a", now=later)
    execution = _fresh(execution)
    assert (execution.status, execution.attempt) == (ExecutionStatus.FAILED, 2)
    assert execution.dead_lettered_at is not None
    assert Attempt.objects.count() == 2
    assert _slots() == {"agents": 0, "workspaces": 0}


def test_a_failure_after_the_clone_closes_the_workspace(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_admitted(limits={"max_attempts": 1})

    def broken(**values: object) -> None:
        raise OSError(5, "the disk coughs")

    monkeypatch.setattr("triggers.services.launch.steps.baselines", broken)
    launch_some(owner="a", now=now)
    execution = _fresh(execution)
    assert execution.status == ExecutionStatus.FAILED
    assert execution.workspace is not None
    assert execution.workspace.status == WorkspaceStatus.FAILED
    assert _steps(execution)["context"] == StepStatus.FAILED


def test_an_execution_without_a_start_is_launched_and_ended_all_the_same(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_admitted(workspace={"deploy": "draft"})
    Execution.objects.update(start=None)
    launch_some(owner="a", now=now)
    assert _fresh(first).attention == Attention.REVIEW
    second = make_admitted(limits={"max_attempts": 1})
    Execution.objects.update(start=None)
    monkeypatch.setattr(clone, "build", lambda workspace: 1 / 0)
    launch_some(owner="a", now=now)
    assert _fresh(second).status == ExecutionStatus.FAILED


def test_a_passing_failure_passes(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_admitted()
    calls: list[int] = []

    def once(workspace: Workspace) -> None:
        calls.append(1)
        build(workspace)
        if len(calls) == 1:
            raise files.Missing("work/x does not exist.")

    monkeypatch.setattr(clone, "build", once)
    launch_some(owner="a", now=now)
    assert _fresh(execution).reason == "Attempt 1 of 3 failed: work/x does not exist."
    later = now + timedelta(minutes=5)
    admission.admit(now=later)
    launch_some(owner="a", now=later)
    assert _fresh(execution).status == ExecutionStatus.RUNNING
    assert Workspace.objects.count() == 1


def test_waits_between_attempts_grow_and_are_bounded() -> None:
    assert timedelta(seconds=1.5) <= launch_ends.backoff(1) <= timedelta(seconds=2.5)
    assert timedelta(seconds=12) <= launch_ends.backoff(4) <= timedelta(seconds=20)
    assert launch_ends.backoff(50) <= timedelta(seconds=375)


def test_one_of_a_backlog_is_of_it_when_it_is_tried_again(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_admitted(limits={"max_attempts": 2})
    StartRequest.objects.update(backlog_turn=3)

    def broken(workspace: Workspace) -> None:
        raise OSError(5, "the disk coughs")

    monkeypatch.setattr(clone, "build", broken)
    launch_some(owner="a", now=now)
    start = _fresh(execution).start
    assert start is not None
    assert (start.status, start.backlog_turn) == (StartStatus.WAITING, 3)
