"""A restored agent and the run that its workspace was made for."""

from datetime import datetime

import pytest

from accounts.actor import Actor
from agents.budget import BudgetBounds
from agents.enums import AgentStatus, Pool, StartStatus
from agents.models import Agent, ObsoleteAgentRecord, Reservation, SlotHolder, StartRequest
from agents.services import admission
from agents.services.obsolete import keep, pack
from agents.services.restoring import restore
from agents.services.settle_intents import settle
from agents.starts import payer_of
from deliverables.enums import DeliverableStatus
from tests.factories.executions import make_launched, set_agent, set_deliverables
from tests.factories.workspaces import make_workspace
from triggers.enums import Attention, ExecutionStatus
from triggers.models import Execution
from triggers.services.execution_start import start_key
from triggers.services.settle.working import settle_some

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("anna")


def stopped(execution: Execution, now: datetime) -> ObsoleteAgentRecord:
    """The record of its agent, which was stopped."""
    agent = Agent.objects.get(workspace=execution.workspace)
    record = keep(agent, pack(agent.pk), reason="not wanted", by=SYSTEM, now=now)
    assert record is not None
    set_agent(execution, AgentStatus.STOPPED)
    return record


def test_a_run_that_ended_stays_ended_while_a_restored_agent_works_and_afterwards(now: datetime) -> None:
    execution = make_launched()
    record = stopped(execution, now)
    settle_some(now=now)
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.CANCELLED
    assert not SlotHolder.objects.exists()
    agent = restore(record=record, by=SYSTEM, now=now)
    settle(agent.pk, now=now)
    assert admission.admit(now=now) == 1
    assert list(SlotHolder.objects.values_list("pool", flat=True)) == [Pool.AGENTS]
    Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.COMPLETED)
    settle_some(now=now)
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.CANCELLED


def test_a_run_that_needs_somebody_goes_on_with_a_restored_agent_and_succeeds(now: datetime) -> None:
    execution = make_launched()
    record = stopped(execution, now)
    set_agent(execution, AgentStatus.COMPLETED)
    settle_some(now=now)
    execution.refresh_from_db()
    assert (execution.status, execution.attention) == (ExecutionStatus.NEEDS_ATTENTION, Attention.UNSATISFIED)
    agent = restore(record=record, by=SYSTEM, now=now)
    settle_some(now=now)
    execution.refresh_from_db()
    assert (execution.status, execution.attention) == (ExecutionStatus.RUNNING, "")
    set_deliverables(execution, DeliverableStatus.SATISFIED)
    Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.COMPLETED)
    settle_some(now=now)
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.SUCCEEDED


def test_what_it_uses_after_the_end_of_the_run_is_reserved_from_the_budget_of_the_trigger(now: datetime) -> None:
    execution = make_launched()
    key = start_key(execution.trigger_id)
    assert payer_of(execution.workspace_id or 0) == key
    assert payer_of(make_workspace().pk) == ""
    record = stopped(execution, now)
    settle_some(now=now)
    admission.set_budget(key=key, bounds=BudgetBounds(tokens=100), now=now)
    agent = restore(record=record, by=SYSTEM, now=now)
    settle(agent.pk, now=now)
    assert admission.admit(now=now) == 1
    reserved = Reservation.objects.get()
    assert (reserved.key, reserved.tokens, reserved.workspace_id) == (key, 100, execution.workspace_id)
    wish = StartRequest.objects.get(subject_id=agent.pk, kind="agent")
    assert wish.status == StartStatus.ADMITTED
    assert wish.refs["trigger"] == execution.trigger_id
