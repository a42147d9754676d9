"""A launcher or settler that is killed at any step converges with the next pass: each step to its effect, once."""

from datetime import timedelta

import pytest

from agents.enums import AgentStatus, Pool
from agents.models import Agent, AgentIntent, SlotHolder
from deliverables.enums import DeliverableStatus
from deliverables.models import Check, Deliverable
from tests.factories.executions import NOON, make_admitted, make_launched, set_agent, set_deliverables
from tests.triggers.services.doomed import Doomed
from triggers.enums import ExecutionStatus, StepStatus
from triggers.models import Attempt, Execution
from triggers.services.launch.admitted import MOST_TAKEOVERS, launch_some
from triggers.services.settle.working import settle_some
from workspaces import files
from workspaces.enums import WorkspaceStatus
from workspaces.models import ContextFile, Workspace

pytestmark = pytest.mark.django_db(transaction=True)
AFTER_THE_LEASE = NOON + timedelta(seconds=61)


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


@pytest.mark.parametrize(
    "place",
    [
        "clone.after_row",
        "clone.after_copy",
        "launch.after_clone",
        "context.after_files",
        "launch.after_context",
        "launch.in_deploy",
        "launch.after_deploy",
    ],
)
def test_a_launch_that_is_killed_anywhere_converges(place: str, doomed: Doomed) -> None:
    execution = make_admitted()
    assert doomed.is_killed("launch", place)
    launch_some(owner="next", now=AFTER_THE_LEASE)
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.RUNNING
    workspace, agent = Workspace.objects.get(), Agent.objects.get()
    assert (workspace.status, workspace.pk) == (WorkspaceStatus.ACTIVE, execution.workspace_id)
    assert agent.start_id == execution.start_id
    root = files.root_of(workspace)
    assert (root / "work/plan.md").read_text() == "plan"
    for row in ContextFile.objects.filter(workspace=workspace):
        assert files.checksum(root, f"context/{row.path}") == row.checksum
    assert (root / "context/MANIFEST.json").exists()
    assert (Deliverable.objects.count(), Attempt.objects.count()) == (1, 1)
    assert Check.objects.count() == Check.objects.values("rule").distinct().count()
    done = execution.steps.filter(name__in=["clone", "context", "deploy"]).values_list("status", flat=True)
    assert set(done) == {StepStatus.DONE}
    assert _slots() == {"agents": 1, "workspaces": 1}


@pytest.mark.parametrize("place", ["settle.in_verify", "settle.in_succeed"])
def test_a_success_that_is_killed_half_way_is_made_whole(place: str, doomed: Doomed) -> None:
    execution = make_launched()
    set_deliverables(execution, DeliverableStatus.SATISFIED)
    set_agent(execution, AgentStatus.COMPLETED)
    assert doomed.is_killed("settle", place)
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.RUNNING
    assert settle_some(now=NOON) == 1
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.SUCCEEDED
    assert Workspace.objects.get().status == WorkspaceStatus.COMPLETED
    assert _slots() == {"agents": 0, "workspaces": 0}


def test_an_end_that_is_killed_half_way_is_made_whole(doomed: Doomed) -> None:
    execution = make_launched()
    late = NOON + timedelta(hours=1)
    assert doomed.is_killed("settle", "ends.before_slots", now=late)
    assert not AgentIntent.objects.exists()
    assert settle_some(now=late) == 1
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.TIMED_OUT
    assert AgentIntent.objects.count() == 1


def test_a_launch_that_kills_whoever_prepares_it_ends_too(doomed: Doomed) -> None:
    """Promise 13: poison ends. One that only met a dying launcher a few times is launched all the same."""
    execution = make_admitted()
    Execution.objects.update(lease_owner="dead", lease_until=NOON, takeovers=MOST_TAKEOVERS - 2)
    assert doomed.is_killed("launch", "launch.after_clone")
    launch_some(owner="next", now=AFTER_THE_LEASE)
    execution.refresh_from_db()
    assert (execution.status, execution.takeovers) == (ExecutionStatus.FAILED, MOST_TAKEOVERS)
    assert execution.reason == "Whoever prepared it was cut off 10 times. Look into the log for why."
    assert execution.dead_lettered_at is not None
    assert _slots() == {"agents": 0, "workspaces": 0}
