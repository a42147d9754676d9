"""Executions follow their agents and deliverables to an end, and every slot comes back."""

from datetime import datetime, timedelta

import pytest

from agents.enums import AgentStatus, Pool, WaitsFor
from agents.models import Agent, AgentIntent, SlotHolder
from dct_site.kernel import journal
from dct_site.kernel.moves import LostRace
from deliverables.enums import DeliverableStatus
from tests.factories.executions import make_admitted, make_launched, set_agent, set_deliverables
from triggers.enums import Attention, ExecutionStatus, StepStatus
from triggers.models import Attempt, Execution
from triggers.services.settle import moves as settle_moves
from triggers.services.settle import working as settle
from triggers.services.settle.rule import Next
from triggers.services.settle.working import settle_deadlines, settle_some
from triggers.services.slots import give_back
from workspaces.enums import WorkspaceStatus
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def _fresh(execution: Execution) -> Execution:
    return Execution.objects.select_related("workspace", "start").get(pk=execution.pk)


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


def _step(execution: Execution, name: str) -> str:
    return execution.steps.get(name=name).status


def _finish(execution: Execution, status: DeliverableStatus = DeliverableStatus.SATISFIED) -> None:
    set_deliverables(execution, status)
    set_agent(execution, AgentStatus.COMPLETED)


def test_an_agent_at_work_is_left_alone(now: datetime) -> None:
    execution = make_launched()
    assert settle_some(now=now) == 0
    set_agent(execution, AgentStatus.RUNNING)
    assert settle_some(now=now) == 0
    assert _fresh(execution).status == ExecutionStatus.RUNNING


def test_a_claim_is_verified_and_sent_back_and_verified_again(now: datetime) -> None:
    execution = make_launched()
    set_agent(execution, AgentStatus.RUNNING, claims_done_at=now)
    assert settle_some(now=now) == 1
    assert _fresh(execution).status == ExecutionStatus.VERIFYING
    assert (_step(execution, "work"), _step(execution, "verify")) == (StepStatus.DONE, StepStatus.RUNNING)
    assert settle_some(now=now) == 0
    set_agent(execution, AgentStatus.PENDING, claims_done_at=None)
    assert settle_some(now=now) == 1
    assert _fresh(execution).status == ExecutionStatus.RUNNING
    assert (_step(execution, "work"), _step(execution, "verify")) == (StepStatus.RUNNING, StepStatus.PENDING)


def test_what_was_claimed_is_verified_once_and_succeeds_when_the_agent_has_ended(now: datetime) -> None:
    execution = make_launched()
    set_agent(execution, AgentStatus.RUNNING, claims_done_at=now)
    settle_some(now=now)
    _finish(execution)
    assert settle_some(now=now) == 1
    lines = journal.rows().filter(kind="execution", object_id=execution.pk).order_by("id")
    assert [line.to for line in lines][-2:] == [ExecutionStatus.VERIFYING, ExecutionStatus.SUCCEEDED]


@pytest.mark.parametrize("status", [DeliverableStatus.SATISFIED, DeliverableStatus.WAIVED])
def test_what_is_proven_succeeds_and_gives_its_slots_back(status: DeliverableStatus, now: datetime) -> None:
    execution = make_launched()
    _finish(execution, status)
    assert settle_some(now=now) == 1
    execution = _fresh(execution)
    assert (execution.status, execution.ended_at, execution.reason) == (ExecutionStatus.SUCCEEDED, now, "")
    assert execution.workspace is not None
    assert execution.workspace.status == WorkspaceStatus.COMPLETED
    assert _slots() == {"agents": 0, "workspaces": 0}
    assert _step(execution, "verify") == StepStatus.DONE
    assert Attempt.objects.get().outcome == ExecutionStatus.SUCCEEDED
    assert settle_some(now=now) == 0


def test_a_workspace_that_was_closed_meanwhile_does_not_block_success(now: datetime) -> None:
    execution = make_launched()
    _finish(execution)
    Workspace.objects.update(status=WorkspaceStatus.FAILED)
    assert settle_some(now=now) == 1
    assert _fresh(execution).status == ExecutionStatus.SUCCEEDED


def test_an_agents_word_alone_is_no_success(now: datetime) -> None:
    """Promise 32: an agent that is done with a failing deliverable is a person's business, and not for ever."""
    execution = make_launched()
    _finish(execution, DeliverableStatus.UNSATISFIED)
    assert settle_some(now=now) == 1
    execution = _fresh(execution)
    assert (execution.status, execution.attention) == (ExecutionStatus.NEEDS_ATTENTION, Attention.UNSATISFIED)
    assert "digest" in execution.reason
    assert settle_some(now=now) == 0
    set_deliverables(execution, DeliverableStatus.WAIVED)
    assert settle_some(now=now) == 1
    assert _fresh(execution).status == ExecutionStatus.SUCCEEDED


def test_nobody_acting_ends_it_after_a_week(now: datetime) -> None:
    execution = make_launched()
    set_agent(execution, AgentStatus.WAITING, waits_for=WaitsFor.UNSATISFIED, reason="it is too short")
    settle_some(now=now)
    assert _fresh(execution).deadline_at == now + timedelta(days=7)
    assert _slots() == {"agents": 0, "workspaces": 1}
    later = now + timedelta(days=7)
    assert settle_deadlines(now=later) == 1
    execution = _fresh(execution)
    assert (execution.status, execution.reason) == (ExecutionStatus.TIMED_OUT, "Nobody acted on it by its deadline.")
    assert AgentIntent.objects.get().kind == "stop"
    assert _slots() == {"agents": 0, "workspaces": 0}


def test_a_question_waits_for_its_answer_and_goes_on(now: datetime) -> None:
    execution = make_launched()
    set_agent(execution, AgentStatus.WAITING, waits_for=WaitsFor.QUESTION, reason="Which branch?")
    settle_some(now=now)
    execution = _fresh(execution)
    assert (execution.attention, execution.reason) == (Attention.QUESTION, "Which branch?")
    set_agent(execution, AgentStatus.PENDING, waits_for="")
    later = now + timedelta(days=1)
    assert settle_some(now=later) == 1
    execution = _fresh(execution)
    assert (execution.status, execution.attention) == (ExecutionStatus.RUNNING, "")
    assert execution.deadline_at == later + timedelta(hours=1)


def test_a_question_without_words_is_one_too(now: datetime) -> None:
    execution = make_launched()
    set_agent(execution, AgentStatus.WAITING, waits_for=WaitsFor.QUESTION)
    settle_some(now=now)
    assert _fresh(execution).reason == "The agent asks a question."


@pytest.mark.parametrize(
    ("status", "words", "ends", "reason"),
    [
        (AgentStatus.FAILED, "it crashed", ExecutionStatus.FAILED, "The agent failed: it crashed"),
        (AgentStatus.FAILED, "", ExecutionStatus.FAILED, "The agent failed."),
        (AgentStatus.STOPPED, "enough", ExecutionStatus.CANCELLED, "Its agent was stopped: enough"),
        (AgentStatus.STOPPED, "", ExecutionStatus.CANCELLED, "Its agent was stopped."),
    ],
)
def test_an_agents_end_is_the_executions(
    status: AgentStatus, words: str, ends: ExecutionStatus, reason: str, now: datetime
) -> None:
    execution = make_launched()
    set_agent(execution, status, reason=words)
    assert settle_some(now=now) == 1
    execution = _fresh(execution)
    assert (execution.status, execution.reason) == (ends, reason)
    assert (execution.dead_lettered_at == now) is (ends == ExecutionStatus.FAILED)
    assert execution.workspace is not None
    assert execution.workspace.status == WorkspaceStatus.FAILED
    assert _step(execution, "work") == StepStatus.FAILED
    assert _slots() == {"agents": 0, "workspaces": 0}


@pytest.mark.parametrize("what", ["agent", "workspace"])
def test_what_was_deleted_under_it_ends_it(what: str, now: datetime) -> None:
    execution = make_launched()
    if what == "agent":
        Agent.objects.all().delete()
    else:
        Execution.objects.update(workspace=None)
    settle_some(now=now)
    assert _fresh(execution).reason == "Its workspace or its agent was deleted."


def test_an_overdue_run_is_stopped_and_its_slots_follow_its_process(now: datetime) -> None:
    execution = make_launched()
    set_agent(execution, AgentStatus.RUNNING)
    late = now + timedelta(hours=1)
    assert settle_some(now=late - timedelta(seconds=1)) == 0
    assert settle_some(now=late) == 1
    assert _fresh(execution).status == ExecutionStatus.TIMED_OUT
    assert AgentIntent.objects.get().reason == "It was not finished by its deadline."
    assert _slots() == {"agents": 1, "workspaces": 1}
    settle_some(now=late)
    assert _slots() == {"agents": 1, "workspaces": 1}
    set_agent(execution, AgentStatus.STOPPED)
    assert settle_some(now=late) == 0
    assert _slots() == {"agents": 0, "workspaces": 0}
    assert _fresh(execution).status == ExecutionStatus.TIMED_OUT


def test_an_overdue_launch_is_timed_out_and_gives_its_slots_back(now: datetime) -> None:
    execution = make_admitted()
    assert settle_deadlines(now=now + timedelta(hours=1)) == 1
    assert _fresh(execution).status == ExecutionStatus.TIMED_OUT
    assert _slots() == {"agents": 0, "workspaces": 0}


def test_one_that_cannot_be_settled_does_not_keep_the_others(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_launched(), make_launched()
    _finish(first)
    _finish(second)
    real = settle_moves.MOVES[Next.SUCCEED]

    def broken(execution: Execution, at: datetime) -> None:
        if execution.pk == first.pk:
            raise RuntimeError("broken")
        real(execution, at)

    monkeypatch.setitem(settle_moves.MOVES, Next.SUCCEED, broken)
    assert settle_some(now=now) == 1
    assert _fresh(first).status == ExecutionStatus.RUNNING
    assert _fresh(second).status == ExecutionStatus.SUCCEEDED


def test_a_lost_race_is_left_to_the_winner(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_launched()
    _finish(execution)

    def lost(execution: Execution, at: datetime) -> None:
        raise LostRace

    monkeypatch.setitem(settle_moves.MOVES, Next.SUCCEED, lost)
    assert settle_some(now=now) == 0


def test_what_changed_between_look_and_lock_is_looked_at_again(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = make_launched()
    _finish(execution)
    answers = iter([Next.SUCCEED, Next.NOTHING])
    monkeypatch.setattr(settle, "next_of", lambda standing: next(answers))
    assert settle_some(now=now) == 0
    assert _fresh(execution).status == ExecutionStatus.RUNNING


def test_no_more_than_the_limit_are_settled_at_once(now: datetime) -> None:
    for _ in range(3):
        _finish(make_launched())
    assert settle_some(now=now, limit=2) == 2
    assert settle_some(now=now, limit=2) == 1


def test_an_execution_without_a_start_has_nothing_to_give_back(now: datetime) -> None:
    execution = make_launched()
    Execution.objects.update(start=None)
    assert give_back(_fresh(execution), now=now) is False
