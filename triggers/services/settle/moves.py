"""The moves of settle: each takes an execution, locked in the caller's transaction, to what follows for it."""

from collections.abc import Callable
from datetime import datetime

from agents.models import Agent
from agents.services import admission, intents
from dct_site.kernel.crashpoints import crashpoint
from triggers.documents import read
from triggers.enums import Attention, ExecutionStatus, StepName
from triggers.models import Execution
from triggers.services import ends, steps
from triggers.services.attention_time import ATTENTION_TIME
from triggers.services.execution_moves import go
from triggers.services.execution_start import work_time
from triggers.services.proof import unproven
from triggers.services.settle.rule import Next
from triggers.services.slots import give_back
from workspaces.enums import WorkspaceStatus
from workspaces.services import lifecycle


def verify(execution: Execution, now: datetime) -> None:
    """The agent says that it is done; the gate looks."""
    go(execution, ExecutionStatus.VERIFYING, now=now, attention="")
    steps.end(execution, StepName.WORK, at=now)
    steps.begin(execution, StepName.VERIFY, at=now)
    crashpoint("settle.in_verify")


def note_told(execution: Execution, now: datetime) -> None:
    """The agent at work that it was given to was told at the begin of a turn."""
    steps.end(execution, StepName.DELIVER_UPDATE, at=now)
    steps.begin(execution, StepName.WORK, at=now)


def fall_back(execution: Execution, now: datetime) -> None:
    """The agent that it was given to ended before it had proven anything: it waits for a workspace and a fresh one."""
    assert execution.news is not None  # noqa: S101 - the rule asked
    assert execution.start is not None  # noqa: S101 - it was admitted
    agent, reason = execution.news.agent_id, f"Agent {execution.news.agent_id} ended before it was done with the news."
    intents.take_back(intent=execution.news, now=now)
    limits = read(execution.revision.document).limits
    admission.ask_for_room(start=execution.start, now=now, expires_at=now + limits.expires)
    steps.end_attempt(execution, at=now, outcome=ExecutionStatus.QUEUED, error=reason)
    steps.begin_anew(execution)
    go(
        execution,
        ExecutionStatus.QUEUED,
        now=now,
        reason=f"{reason} A fresh one begins.",
        news=None,
        matching={**execution.matching, "fell_back": {"agent": agent, "at": now.isoformat()}},
        expires_at=now + limits.expires,
        deadline_at=None,
    )
    crashpoint("settle.in_fall_back")


def succeed(execution: Execution, now: datetime) -> None:
    """Every required deliverable holds or was waived, and the agent has ended."""
    if execution.news_id is not None:
        note_told(execution, now)
    if execution.status != ExecutionStatus.VERIFYING:
        verify(execution, now)
    go(execution, ExecutionStatus.SUCCEEDED, now=now, ended_at=now)
    steps.end(execution, StepName.VERIFY, at=now)
    steps.end_attempt(execution, at=now, outcome=ExecutionStatus.SUCCEEDED)
    if execution.workspace is not None and execution.workspace.status == WorkspaceStatus.ACTIVE:
        lifecycle.complete(workspace=execution.workspace, now=now)
    crashpoint("settle.in_succeed")
    give_back(execution, now=now)


def go_on(execution: Execution, now: datetime) -> None:
    """Sent back by the gate, or answered by a person: the agent is at work again."""
    deadline = now + work_time(execution) if execution.attention else execution.deadline_at
    go(execution, ExecutionStatus.RUNNING, now=now, attention="", deadline_at=deadline)
    steps.begin(execution, StepName.WORK, at=now)
    steps.rewind(execution, StepName.VERIFY)


def ask(execution: Execution, now: datetime) -> None:
    """The agent waits for an answer."""
    _attend(execution, Attention.QUESTION, _reason_of_agent(execution) or "The agent asks a question.", now)


def report_unsatisfied(execution: Execution, now: datetime) -> None:
    """The agent cannot get its deliverables to hold."""
    names = unproven(execution).values_list("name", flat=True)
    told = f"These do not hold: {', '.join(names)}. Answer the agent, waive them with a reason, or cancel."
    _attend(execution, Attention.UNSATISFIED, told, now)


def _attend(execution: Execution, attention: Attention, reason: str, now: datetime) -> None:
    go(
        execution,
        ExecutionStatus.NEEDS_ATTENTION,
        now=now,
        attention=attention,
        reason=reason,
        deadline_at=now + ATTENTION_TIME,
    )
    steps.end(execution, StepName.WORK, at=now)


def fail(execution: Execution, now: datetime) -> None:
    """The agent failed for good; its own attempts are used up."""
    told = _reason_of_agent(execution)
    reason = f"The agent failed: {told}" if told else "The agent failed."
    if execution.workspace is None or not Agent.objects.filter(workspace=execution.workspace).exists():
        reason = "Its workspace or its agent was deleted."
    ends.end(execution, ExecutionStatus.FAILED, reason=reason, now=now, dead_lettered_at=now)


def cancel(execution: Execution, now: datetime) -> None:
    """Somebody stopped the agent, and no other took its place."""
    told = _reason_of_agent(execution)
    reason = f"Its agent was stopped: {told}" if told else "Its agent was stopped."
    ends.end(execution, ExecutionStatus.CANCELLED, reason=reason, now=now)


def time_out(execution: Execution, now: datetime) -> None:
    """The deadline has passed: the agents are stopped, the slots follow when their processes have ended."""
    reason = "It was not finished by its deadline."
    if execution.status == ExecutionStatus.NEEDS_ATTENTION:
        reason = "Nobody acted on it by its deadline."
    ends.end(execution, ExecutionStatus.TIMED_OUT, reason=reason, now=now)


def _reason_of_agent(execution: Execution) -> str:
    agent = Agent.objects.filter(workspace=execution.workspace_id).order_by("-id").first()
    return agent.reason if agent else ""


MOVES: dict[Next, Callable[[Execution, datetime], None]] = {
    Next.VERIFY: verify,
    Next.SUCCEED: succeed,
    Next.GO_ON: go_on,
    Next.ASK: ask,
    Next.REPORT_UNSATISFIED: report_unsatisfied,
    Next.FAIL: fail,
    Next.CANCEL: cancel,
    Next.TIME_OUT: time_out,
    Next.NOTE_TOLD: note_told,
    Next.FALL_BACK: fall_back,
}
