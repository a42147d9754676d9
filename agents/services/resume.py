"""An agent that waits for a person goes on, or is found to be done after all."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from agents.enums import AGENT_MOVES, AgentStatus, IntentKind, IntentStatus, Pool, StartStatus
from agents.models import Agent, AgentIntent, SlotHolder, StartRequest
from agents.services.admission import AGENT_START
from agents.services.agent_start import queue_again
from agents.services.runs import requeue
from dct_site.kernel import moves, wake
from deliverables.services import gate


def resume(*, agent: Agent, now: datetime, reason: str = "a person answered") -> Agent:
    """waiting → pending, with a wish for a slot at the head of its priority and fresh rounds at the gate.

    Raises IllegalMove when the agent does not wait.
    """
    with transaction.atomic():
        requeue(agent, now=now, reason=reason)
        Agent.objects.filter(pk=agent.pk).update(waits_for="", rounds=0)
    agent.waits_for, agent.rounds = "", 0
    return agent


def gate_again(*, agent: Agent, now: datetime) -> bool:
    """Ask the gate again about an agent that waits (a deliverable was waived, a person put the file there).

    True when it holds now: the agent is completed. Must not be called inside a transaction (it reads files).
    """
    if agent.status != AgentStatus.WAITING or not gate.evaluate(workspace=agent.workspace, now=now).holds:
        return False
    with transaction.atomic():
        moves.move(agent, AgentStatus.COMPLETED, now=now, reason="its deliverables hold", ended_at=now, waits_for="")
        wake.poke_on_commit(wake.Topic.SETTLE)
    return True


def wish_for_orphans(*, now: datetime, limit: int = 50) -> int:
    """Pending agents with neither a slot nor an open wish for one get a wish. Returns how many.

    Successors of agents that ended otherwise than by being stopped are such; or a row that was mended by hand.
    """
    held = SlotHolder.objects.filter(pool=Pool.AGENTS).values("start_id")
    open_starts = (StartStatus.WAITING, StartStatus.PARKED, StartStatus.ADMITTED)
    wished = StartRequest.objects.filter(kind=AGENT_START, status__in=open_starts).values("subject_id")
    # One that is being restored is given its conversation first.
    restored = AgentIntent.objects.filter(kind=IntentKind.RESTORE, status=IntentStatus.PENDING).values("agent_id")
    pending = Agent.objects.filter(status=AgentStatus.PENDING).exclude(pk__in=restored)
    orphans = pending.exclude(start__in=held).exclude(pk__in=wished)
    orphans = orphans.filter(Q(replaces=None) | Q(replaces__status__in=AGENT_MOVES.terminal))
    found = 0
    for agent in orphans.select_related("start").order_by("id")[:limit]:
        with transaction.atomic():
            queue_again(agent, now=now, not_before=agent.not_before)
        found += 1
    return found
