"""Puts an agent to work in a workspace, under the slot that its start holds."""

from datetime import datetime

from django.db import transaction

from agents.criteria import criteria_of
from agents.enums import AGENT_MOVES, MessageKind
from agents.models import Agent, AgentProfile, StartRequest
from agents.runtimes import Message
from agents.services import conversation
from agents.services.admission import charge
from dct_site.kernel import moves, wake
from workspaces.models import Workspace


def deploy(
    *,
    workspace: Workspace,
    profile: AgentProfile,
    start: StartRequest | None,
    paid_by: StartRequest | None = None,
    now: datetime,
    instructions: str = "",
    deadline_at: datetime | None = None,
) -> Agent:
    """A pending agent of ``profile`` in ``workspace``; the supervisor starts it while ``start`` holds an agent slot.

    What it uses is charged to the reservation of ``paid_by``, or of ``start`` where that is not said.
    One that has not ended is returned as it is: deploying may be repeated after a crash.
    """
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        at_work = Agent.objects.filter(workspace=workspace, profile=profile, status__in=AGENT_MOVES.open)
        already = at_work.first()
        if already is not None:
            return already
        agent = Agent.objects.create(
            workspace=workspace,
            profile=profile,
            start=start,
            criteria=criteria_of(profile, instructions=instructions),
            created_at=now,
            deadline_at=deadline_at,
        )
        moves.born(agent, now=now)
        charge(start=paid_by or start, workspace_id=workspace.pk)
        if instructions:
            conversation.append(agent, [Message(MessageKind.INSTRUCTION, instructions)], now=now)
        wake.poke_on_commit(wake.Topic.SUPERVISE)
    return agent
