"""What a person does where an execution waits for one: approve or reject a draft, answer its agent, waive."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from agents.enums import AgentStatus, WaitsFor
from agents.models import Agent
from agents.services import admission, intents
from agents.services.deploy import deploy
from dct_site.kernel import moves, wake
from deliverables.models import Deliverable
from deliverables.services.gate import evaluate
from deliverables.services.waive import waive as waive_deliverable
from triggers.enums import Attention, ExecutionStatus, StepName
from triggers.models import Execution
from triggers.services import ends, steps
from triggers.services.execution_moves import go
from triggers.services.execution_start import work_time
from triggers.services.executions import locked
from triggers.services.launch.checks import profile_of
from workspaces.enums import WorkspaceStatus
from workspaces.services import lifecycle

_ANSWERABLE = (Attention.QUESTION, Attention.UNSATISFIED)


class NotWaiting(Exception):
    """The execution does not wait for this; the message says for what it does."""


def approve(*, execution: Execution, by: Actor, now: datetime) -> Execution:
    """Let a reviewed draft be worked on: its workspace is active, its agent waits for a slot like any other.

    Raises NotWaiting, AlreadyOver, CannotLaunch where the profile is gone by now.
    """
    with transaction.atomic():
        row = _waiting_for(execution, Attention.REVIEW)
        profile = profile_of(row)
        workspace = row.workspace
        if workspace is None:
            raise NotWaiting("The draft's workspace was deleted. Reject it and retry the event.")
        lifecycle.activate(workspace=workspace, now=now, by=by.label)
        document = row.revision.document
        agent = deploy(
            workspace=workspace,
            profile=profile,
            start=None,
            paid_by=row.start,
            now=now,
            instructions=(document.get("agent") or {}).get("instructions") or "",
        )
        admission.request_start(
            kind=admission.AGENT_START,
            subject_id=agent.pk,
            priority=row.priority,
            now=now,
            agents=1,
            workspaces=0,
            refs={**row.journal_refs(), "connection": row.event.connection_id},
        )
        go(row, ExecutionStatus.RUNNING, now=now, by=by.label, attention="", deadline_at=now + work_time(row))
        steps.end(row, StepName.DEPLOY, at=now)
        steps.begin(row, StepName.WORK, at=now)
        audit.record(by=by, action="execution.approved", obj=row, now=now)
    return row


def reject(*, execution: Execution, by: Actor, now: datetime, reason: str = "") -> Execution:
    """End a draft that nobody wants; its workspace is put away. Raises NotWaiting and AlreadyOver."""
    told = reason.strip() or f"Rejected by {by.label}."
    with transaction.atomic():
        row = _waiting_for(execution, Attention.REVIEW)
        if row.workspace is not None and row.workspace.status == WorkspaceStatus.DRAFT:
            lifecycle.archive(workspace=row.workspace, by=by, now=now, reason=told)
        ends.end(row, ExecutionStatus.CANCELLED, reason=told, now=now, by=by)
        audit.record(by=by, action="execution.rejected", obj=row, now=now, after={"reason": told})
    return row


def answer(*, execution: Execution, text: str, by: Actor, now: datetime) -> Execution:
    """Tell the waiting agent something; it goes on with that. Raises NotWaiting, AlreadyOver, InvalidValue."""
    with transaction.atomic():
        row = _waiting_for(execution, *_ANSWERABLE)
        agent = _latest_agent(row)
        if agent is None or intents.tell(agent=agent, text=text, by=by, now=now) is None:
            raise NotWaiting("The agent has ended; nobody would read the answer. Waive, cancel or retry.")
        audit.record(by=by, action="execution.answered", obj=row, now=now)
    return row


def waive(*, deliverable: Deliverable, reason: str, by: Actor, now: datetime) -> Deliverable:
    """Waive a deliverable and look at the gate again: where nothing else fails, what waited for it is done.

    Must not be called inside a transaction (the gate reads files). Raises NoReason, and IllegalMove where it is waived
    already.
    """
    waived = waive_deliverable(deliverable=deliverable, reason=reason, by=by, now=now)
    workspace = waived.workspace
    if _waiting_agents(workspace.pk) and evaluate(workspace=workspace, now=now).holds:
        with transaction.atomic():
            for agent in _waiting_agents(workspace.pk):
                _conclude(agent, by=by, now=now)
            wake.poke_on_commit(wake.Topic.SETTLE)
    return waived


def _conclude(agent: Agent, *, by: Actor, now: datetime) -> None:
    """It waited only because its deliverables did not hold; now they do, and it has no process to be asked."""
    moves.move(
        agent,
        AgentStatus.COMPLETED,
        now=now,
        by=by.label,
        reason="what it could not deliver was waived",
        ended_at=now,
        waits_for="",
    )


def _waiting_agents(workspace_id: int) -> list[Agent]:
    return list(
        Agent.objects.filter(workspace=workspace_id, status=AgentStatus.WAITING, waits_for=WaitsFor.UNSATISFIED)
    )


def _latest_agent(execution: Execution) -> Agent | None:
    return Agent.objects.filter(workspace=execution.workspace_id).order_by("-id").first()


def _waiting_for(execution: Execution, *wanted: Attention) -> Execution:
    row = locked(execution)
    if row.attention in wanted:
        return row
    if row.attention:
        raise NotWaiting(f"This execution waits for something else: {Attention(row.attention).label.lower()}.")
    raise NotWaiting(f"This execution waits for nobody; it is {ExecutionStatus(row.status).label.lower()}.")
