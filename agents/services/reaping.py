"""Takes over runs whose lease is over: ends what may be left of them on this machine, then runs their agents again."""

from datetime import datetime

import structlog
from django.db import transaction

from agents.enums import AGENT_MOVES, AgentStatus, RunStatus
from agents.models import Agent, AgentRun
from agents.services import obsolete
from agents.services.briefing import mark_of
from agents.services.endings import end_agent_stopped, try_again
from agents.services.fence import ALIVE
from agents.services.intents import stop_intent_of, wisher_of
from dct_site.kernel import moves
from dct_site.kernel.process.reap import reap_orphan

log = structlog.get_logger(__name__)


def reap(*, now: datetime, limit: int = 50) -> int:
    """Up to ``limit`` runs of any owner whose lease is over. Returns how many. By heartbeat, never by age."""
    expired = AgentRun.objects.filter(status__in=ALIVE, lease_until__lte=now).order_by("lease_until")[:limit]
    reaped = 0
    for run in expired:
        # Killed before it is declared lost: never two of one agent alive on one machine. On another, its shim's own
        # clock has ended it before the lease was over.
        if run.pid is not None and run.pid_started is not None:
            reap_orphan(run.pid, run.pid_started, run.boot_id, mark=mark_of(run))
        reaped += _take_over(run.pk, now)
    return reaped


def _take_over(run_id: int, now: datetime) -> int:
    agent_id = AgentRun.objects.values_list("agent_id", flat=True).get(pk=run_id)
    packed = obsolete.pack(agent_id) if stop_intent_of(agent_id) is not None else None
    with transaction.atomic():
        run = AgentRun.objects.select_for_update().filter(pk=run_id, status__in=ALIVE, lease_until__lte=now).first()
        if run is None:
            return 0
        reason = "Its supervisor stopped answering."
        moves.move(run, RunStatus.LOST, now=now, reason=reason, ended_at=now, end_reason=reason)
        agent = Agent.objects.select_for_update(of=("self",)).select_related("profile", "start").get(pk=agent_id)
        log.warning("run_lost", run=run.pk, agent=agent_id, owner=run.owner, epoch=run.epoch)
        stop = stop_intent_of(agent_id)
        if agent.status in AGENT_MOVES.terminal:
            return 1
        if stop is not None or agent.status == AgentStatus.STOPPING:
            packed = packed or obsolete.pack(agent_id)
            end_agent_stopped(agent, packed, now=now, reason=stop.reason if stop else reason, by=wisher_of(stop))
        else:
            try_again(agent, now=now, reason=reason, was_lost=True)
    return 1
