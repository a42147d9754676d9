"""Starts an agent from a record: the conversation and checkpoint of the one that was put away, in its workspace."""

from datetime import datetime
from itertools import islice

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from agents.criteria import criteria_of
from agents.enums import AGENT_MOVES, AgentStatus, Criterion, IntentKind, IntentStatus, MessageKind
from agents.models import Agent, AgentIntent, AgentMessage, ObsoleteAgentRecord, Reservation
from agents.runtimes import Message
from agents.selectors.records import BODIES, as_messages, lines_of, profile_as_it_is
from agents.services import conversation
from agents.services.admission import AGENT_START, request_start
from agents.services.agent_start import PRIORITY
from agents.starts import payer_of
from dct_site.kernel import moves, wake
from dct_site.kernel.crashpoints import crashpoint
from workspaces.enums import WorkspaceStatus
from workspaces.models import Workspace

RESTORABLE = (WorkspaceStatus.ACTIVE, WorkspaceStatus.COMPLETED, WorkspaceStatus.FAILED)
CHUNK = 200
"""Messages in one transaction."""


class CannotRestore(Exception):
    """The record cannot be gone on from now; the text says why, in one sentence."""


def why_not(record: ObsoleteAgentRecord) -> str:
    """Why nothing can be restored from it now, in words; empty when it can."""
    if record.purged_at is not None:
        return "What it said is no longer kept."
    if record.workspace.status not in RESTORABLE:
        return f"Its workspace is {record.workspace.get_status_display().lower()}."
    if record.agent.profile.is_archived:
        return "Its profile was put away."
    at_work = Agent.objects.filter(workspace=record.workspace_id, status__in=AGENT_MOVES.open).order_by("id").first()
    if at_work is not None:
        return f"Agent {at_work.pk} is at work in its workspace; stop that first."
    return ""


def restore(*, record: ObsoleteAgentRecord, by: Actor, now: datetime) -> Agent:
    """A new agent of the record's profile (as that is now) in the record's workspace (as that is now). It is given the
    conversation and the checkpoint by the supervisor, and then waits for a slot as every other.

    Raises CannotRestore.
    """
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().get(pk=record.workspace_id)
        held = _record(record.pk)
        if held is None:
            raise CannotRestore("It is not kept any more.")
        held.workspace = workspace
        if problem := why_not(held):
            raise CannotRestore(problem)
        agent = Agent.objects.create(
            workspace=workspace,
            profile=held.agent.profile,
            restored_from=held,
            criteria=_criteria_of(held),
            created_at=now,
        )
        moves.born(agent, now=now, by=by.label)
        AgentIntent.objects.create(
            agent=agent,
            kind=IntentKind.RESTORE,
            payload={"record": record.pk},
            by=by.label[:150],
            wisher=by.user,
            at=now,
        )
        audit.record(by=by, action="agent.restored", obj=record, now=now, after={"agent": agent.pk})
        wake.poke_on_commit(wake.Topic.SUPERVISE)
    return agent


def _criteria_of(record: ObsoleteAgentRecord) -> dict[str, str]:
    """What news finds the new agent by: what found the old one, where its profile is still the same. Otherwise it is of
    the profile as that is now, and equals nobody in its instructions: the old one's stand in its conversation.
    """
    profile = record.agent.profile
    if profile_as_it_is(profile) == record.profile:
        return dict(record.agent.criteria)
    known = criteria_of(profile)
    return {name: value for name, value in known.items() if name != Criterion.INSTRUCTIONS}


def fill(agent_id: int, *, now: datetime) -> None:
    """Give a restored agent its conversation, a chunk in a transaction, then its checkpoint and a wish for a slot.

    Killed anywhere it goes on after the last message that is there. Must not be called inside a transaction.
    """
    intent = _wish(agent_id)
    agent = Agent.objects.select_related("workspace", "restored_from__agent__start").get(pk=agent_id)
    record = agent.restored_from
    if intent is None:
        return
    if record is None or not _fill(agent_id, record):
        _give_up(agent_id, "What it was to be restored from is no longer kept.", now)
        return
    if agent.workspace.status not in RESTORABLE:
        _give_up(agent_id, f"Its workspace is {agent.workspace.get_status_display().lower()}.", now)
        return
    with transaction.atomic():
        held = _held(agent_id)
        if held is not None:
            _begin(held, record, intent, now)


def _fill(agent_id: int, record: ObsoleteAgentRecord) -> bool:
    """False where the record went meanwhile: under its lock, so that nothing is written behind who takes it away."""
    lines = lines_of(record, after=conversation.last_seq(agent_id))
    while chunk := list(islice(lines, CHUNK)):
        with transaction.atomic():
            kept = _record(record.pk)
            if kept is None or kept.purged_at is not None:
                return False
            if _held(agent_id) is None:
                return True
            AgentMessage.objects.bulk_create(as_messages(agent_id, chunk), ignore_conflicts=True)
        crashpoint("restoring.after_chunk")
    return ObsoleteAgentRecord.objects.filter(pk=record.pk, purged_at=None).exists()


def _begin(agent: Agent, record: ObsoleteAgentRecord, intent: AgentIntent, now: datetime) -> None:
    """It has everything: it waits for a slot."""
    told = (
        f"Restored by {intent.by} from agent {record.agent_id}, which was put away at {record.at:%Y-%m-%d %H:%M} UTC."
    )
    conversation.append(agent, [Message(MessageKind.SYSTEM, told, {"record": record.pk})], now=now)
    Agent.objects.filter(pk=agent.pk).update(checkpoint=record.checkpoint)
    before = record.agent.start
    # What an execution that goes on has reserved covers it; otherwise it reserves for itself.
    is_paid = Reservation.objects.filter(workspace_id=record.workspace_id).exists()
    request_start(
        kind=AGENT_START,
        subject_id=agent.pk,
        priority=before.priority if before is not None else PRIORITY,
        now=now,
        agents=1,
        workspaces=0,
        concurrency_key="" if is_paid else payer_of(record.workspace_id),
        refs=before.refs if before is not None else {},
    )
    AgentIntent.objects.filter(pk=intent.pk).update(status=IntentStatus.DONE, settled_at=now)
    wake.poke_on_commit(wake.Topic.SETTLE)


def _give_up(agent_id: int, reason: str, now: datetime) -> None:
    """What it was to go on from, or where, went meanwhile: it was erased, or put away."""
    with transaction.atomic():
        agent = _held(agent_id)
        if agent is None:
            return
        moves.move(agent, AgentStatus.FAILED, now=now, reason=reason, ended_at=now)
        Agent.objects.filter(pk=agent_id).update(reason=reason)
        pending = AgentIntent.objects.filter(agent=agent_id, status=IntentStatus.PENDING)
        pending.update(status=IntentStatus.DROPPED, settled_at=now)
        wake.poke_on_commit(wake.Topic.SETTLE)


def _held(agent_id: int) -> Agent | None:
    """The agent, locked, while it is still to be restored."""
    rows = Agent.objects.select_for_update().filter(pk=agent_id, status=AgentStatus.PENDING)
    agent = rows.first()
    return agent if agent is not None and _wish(agent_id) is not None else None


def _record(pk: int) -> ObsoleteAgentRecord | None:
    """The record without its bodies, locked."""
    rows = ObsoleteAgentRecord.objects.select_for_update(of=("self",)).select_related("agent__profile")
    return rows.defer(*BODIES).filter(pk=pk).first()


def _wish(agent_id: int) -> AgentIntent | None:
    pending = AgentIntent.objects.filter(agent=agent_id, kind=IntentKind.RESTORE, status=IntentStatus.PENDING)
    return pending.order_by("id").first()
