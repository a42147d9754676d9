"""What people do where an execution waits for one, and to any execution."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Via
from accounts.models import AuditEntry
from agents.enums import AgentStatus, Pool, StartStatus, WaitsFor
from agents.models import AgentIntent, AgentMessage, AgentProfile, SlotHolder, StartRequest
from agents.services import admission
from dct_site.kernel.moves import IllegalMove
from deliverables.enums import DeliverableStatus
from deliverables.models import Deliverable
from tests.factories.accounts import make_user
from tests.factories.deliverables import deliver
from tests.factories.executions import agent_of, make_admitted, make_execution, make_launched, set_agent
from triggers.enums import ExecutionStatus
from triggers.models import Delivery, Execution
from triggers.services import attention, executions
from triggers.services.attention import NotWaiting
from triggers.services.executions import AlreadyOver
from triggers.services.launch.admitted import launch_some
from triggers.services.launch.checks import CannotLaunch
from triggers.services.settle.working import settle_some
from workspaces.enums import WorkspaceStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def by() -> Actor:
    return Actor.person(make_user(username="ada"), Via.PAGE)


def _fresh(execution: Execution) -> Execution:
    return Execution.objects.select_related("workspace", "start").get(pk=execution.pk)


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


def _draft(**parts: Any) -> Execution:
    return make_launched(workspace={"deploy": "draft"}, **parts)


def _unsatisfied(now: datetime) -> Execution:
    execution = make_launched()
    set_agent(execution, AgentStatus.WAITING, waits_for=WaitsFor.UNSATISFIED)
    settle_some(now=now)
    return _fresh(execution)


def test_an_approved_draft_waits_for_a_slot_like_any_other(now: datetime, by: Actor) -> None:
    execution = _draft(agent={"instructions": "Be short."})
    attention.approve(execution=execution, by=by, now=now)
    execution = _fresh(execution)
    agent = agent_of(execution)
    assert execution.status == ExecutionStatus.RUNNING
    assert execution.deadline_at == now + timedelta(hours=1)
    assert execution.workspace is not None
    assert execution.workspace.status == WorkspaceStatus.ACTIVE
    assert (agent.status, agent.start_id) == (AgentStatus.PENDING, None)
    assert AgentMessage.objects.get(agent_id=agent.pk).text == "Be short."
    assert StartRequest.objects.get(kind="agent").refs["execution"] == execution.pk
    assert _slots() == {"agents": 0, "workspaces": 1}
    assert AuditEntry.objects.filter(action="execution.approved").count() == 1
    with pytest.raises(NotWaiting, match="waits for nobody; it is running"):
        attention.approve(execution=execution, by=by, now=now)


def test_a_draft_whose_parts_are_gone_is_not_approved(now: datetime, by: Actor) -> None:
    execution = _draft()
    AgentProfile.objects.update(is_archived=True)
    with pytest.raises(CannotLaunch):
        attention.approve(execution=execution, by=by, now=now)
    AgentProfile.objects.update(is_archived=False)
    Execution.objects.update(workspace=None)
    with pytest.raises(NotWaiting, match="workspace was deleted"):
        attention.approve(execution=execution, by=by, now=now)
    attention.reject(execution=execution, by=by, now=now)
    assert _fresh(execution).status == ExecutionStatus.CANCELLED


@pytest.mark.parametrize(("given", "kept"), [("", "Rejected by ada."), (" Not now. ", "Not now.")])
def test_a_rejected_draft_is_put_away(given: str, kept: str, now: datetime, by: Actor) -> None:
    execution = _draft()
    attention.reject(execution=execution, by=by, now=now, reason=given)
    execution = _fresh(execution)
    assert (execution.status, execution.reason) == (ExecutionStatus.CANCELLED, kept)
    assert execution.workspace is not None
    assert execution.workspace.status == WorkspaceStatus.ARCHIVED
    assert _slots() == {"agents": 0, "workspaces": 0}


def test_an_answer_reaches_the_agent(now: datetime, by: Actor) -> None:
    execution = _unsatisfied(now)
    attention.answer(execution=execution, text="Write more.", by=by, now=now)
    assert AgentIntent.objects.get().payload == {"text": "Write more."}


def test_nobody_reads_an_answer_to_an_agent_that_ended(now: datetime, by: Actor) -> None:
    execution = _unsatisfied(now)
    set_agent(execution, AgentStatus.COMPLETED)
    with pytest.raises(NotWaiting, match="nobody would read"):
        attention.answer(execution=execution, text="Write more.", by=by, now=now)


def test_a_draft_is_not_answered(now: datetime, by: Actor) -> None:
    with pytest.raises(NotWaiting, match="review the draft"):
        attention.answer(execution=_draft(), text="Write more.", by=by, now=now)


def test_waiving_what_is_missing_ends_the_waiting(now: datetime, by: Actor) -> None:
    execution = _unsatisfied(now)
    attention.waive(deliverable=Deliverable.objects.get(), reason="Not needed.", by=by, now=now)
    agent = agent_of(execution)
    assert (agent.status, agent.waits_for) == (AgentStatus.COMPLETED, "")
    settle_some(now=now)
    assert _fresh(execution).status == ExecutionStatus.SUCCEEDED
    with pytest.raises(IllegalMove):
        attention.waive(deliverable=Deliverable.objects.get(), reason="Again.", by=by, now=now)


def test_waiving_one_of_two_leaves_the_other(now: datetime, by: Actor) -> None:
    two = [{"name": name, "kind": "file_created", "target": f"feedback/{name}"} for name in ("one", "two")]
    execution = make_launched(deliverables=two)
    set_agent(execution, AgentStatus.WAITING, waits_for=WaitsFor.UNSATISFIED)
    settle_some(now=now)
    attention.waive(deliverable=Deliverable.objects.get(name="one"), reason="Not needed.", by=by, now=now)
    assert agent_of(execution).status == AgentStatus.WAITING
    workspace = _fresh(execution).workspace
    assert workspace is not None
    deliver(workspace, "feedback/two", "done after all")
    attention.waive(deliverable=Deliverable.objects.get(name="two"), reason="Not needed.", by=by, now=now)
    assert agent_of(execution).status == AgentStatus.COMPLETED


def test_waiving_before_the_agent_is_done_only_waives(now: datetime, by: Actor) -> None:
    execution = make_launched()
    attention.waive(deliverable=Deliverable.objects.get(), reason="Not needed.", by=by, now=now)
    assert Deliverable.objects.get().status == DeliverableStatus.WAIVED
    assert agent_of(execution).status == AgentStatus.PENDING


def test_a_cancelled_wish_leaves_the_queue(now: datetime, by: Actor) -> None:
    execution = make_execution()
    executions.cancel(execution=execution, by=by, now=now)
    assert (_fresh(execution).status, _fresh(execution).reason) == (ExecutionStatus.CANCELLED, "Cancelled by ada.")
    assert StartRequest.objects.get().status == StartStatus.CANCELLED
    assert admission.admit(now=now) == 0
    assert AuditEntry.objects.get(action="execution.cancelled").before == {"status": "queued"}


def test_a_cancelled_wish_without_a_start_is_cancelled_too(now: datetime, by: Actor) -> None:
    execution = make_execution()
    Execution.objects.update(start=None)
    executions.cancel(execution=execution, by=by, now=now)
    assert _fresh(execution).status == ExecutionStatus.CANCELLED


def test_a_cancelled_launch_gives_its_slots_back(now: datetime, by: Actor) -> None:
    execution = make_admitted()
    executions.cancel(execution=execution, by=by, now=now, reason="Wrong one.")
    assert _fresh(execution).reason == "Wrong one."
    assert _slots() == {"agents": 0, "workspaces": 0}
    assert launch_some(owner="a", now=now) == 0


def test_cancelling_a_run_stops_its_agent_and_the_slots_follow_its_process(now: datetime, by: Actor) -> None:
    execution = make_launched()
    set_agent(execution, AgentStatus.RUNNING)
    executions.cancel(execution=execution, by=by, now=now)
    intent = AgentIntent.objects.get()
    assert (intent.kind, intent.by) == ("stop", "ada")
    assert _slots() == {"agents": 1, "workspaces": 1}
    set_agent(execution, AgentStatus.STOPPED)
    settle_some(now=now)
    assert _slots() == {"agents": 0, "workspaces": 0}


def test_what_is_over_stays_over(now: datetime, by: Actor) -> None:
    execution = make_execution()
    executions.cancel(execution=execution, by=by, now=now)
    later = now + timedelta(hours=1)
    acts: list[Callable[[], object]] = [
        lambda: executions.cancel(execution=execution, by=by, now=now),
        lambda: executions.extend_deadline(execution=execution, until=later, by=by, now=now),
        lambda: attention.approve(execution=execution, by=by, now=now),
        lambda: attention.reject(execution=execution, by=by, now=now),
        lambda: attention.answer(execution=execution, text="x", by=by, now=now),
    ]
    for act in acts:
        with pytest.raises(AlreadyOver, match="is over \\(cancelled\\)"):
            act()


def test_a_deadline_can_be_extended(now: datetime, by: Actor) -> None:
    execution = make_launched()
    until = now + timedelta(hours=9)
    executions.extend_deadline(execution=execution, until=until, by=by, now=now)
    assert _fresh(execution).deadline_at == until
    assert settle_some(now=now + timedelta(hours=2)) == 0
    with pytest.raises(executions.BadDeadline):
        executions.extend_deadline(execution=execution, until=now, by=by, now=now)
    queued = make_execution()
    executions.extend_deadline(execution=queued, until=until, by=by, now=now)
    assert AuditEntry.objects.filter(action="execution.deadline_extended").count() == 2


def test_what_is_over_is_retried_as_a_replay_of_its_event(now: datetime, by: Actor) -> None:
    execution = make_execution()
    with pytest.raises(executions.NotOver):
        executions.retry(execution=execution, by=by, now=now)
    executions.cancel(execution=execution, by=by, now=now)
    receipt = executions.retry(execution=execution, by=by, now=now)
    assert Delivery.objects.get(pk=receipt.delivery_id).origin == "replay"
    assert _fresh(execution).status == ExecutionStatus.CANCELLED
