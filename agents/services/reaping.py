"""Takes over runs whose lease is over: ends what may be left of them on this machine, then runs their agents again."""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef

from agents.enums import AGENT_MOVES, AgentStatus, Pool, RunStatus
from agents.models import Agent, AgentRun, SlotHolder
from agents.services import obsolete
from agents.services.agent_start import queue_again
from agents.services.briefing import mark_of
from agents.services.endings import end_agent_stopped, try_again
from agents.services.fence import ALIVE
from agents.services.intents import stop_intent_of, wisher_of
from agents.services.runs import requeue
from dct_site.kernel import moves
from dct_site.kernel.process.reap import reap_orphan

log = structlog.get_logger(__name__)

Again = Callable[[Agent], object]


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


def disown(*, now: datetime, reason: str) -> int:
    """Every run that is alive by its row, whoever owns it and until when; returns how many. Its agent waits for a slot
    again, and no attempt is counted.

    For rows that were put back from a backup: their processes are those of another installation, so none is killed.
    """
    alive = list(AgentRun.objects.filter(status__in=ALIVE).order_by("pk").values_list("pk", flat=True))
    return sum(_disown(run_id, now, reason) for run_id in alive)


def queue_who_holds_a_slot(*, now: datetime) -> int:
    """Agents that were about to start give their slots back and wait at the head of their priority; how many."""
    slot = SlotHolder.objects.filter(start=OuterRef("start"), pool=Pool.AGENTS)
    ready = Agent.objects.filter(Exists(slot), status=AgentStatus.PENDING).select_related("start").order_by("pk")
    queued = 0
    for agent in list(ready):
        with transaction.atomic():
            queue_again(agent, now=now, not_before=agent.not_before)
        queued += 1
    return queued


def _disown(run_id: int, now: datetime, reason: str) -> int:
    agent_id = AgentRun.objects.values_list("agent_id", flat=True).get(pk=run_id)
    packed = obsolete.pack(agent_id) if stop_intent_of(agent_id) is not None else None
    with transaction.atomic():
        run = AgentRun.objects.select_for_update().filter(pk=run_id, status__in=ALIVE).first()
        if run is None:
            return 0
        _lose(run, packed, now=now, reason=reason, again=lambda agent: requeue(agent, now=now, reason=reason))
    return 1


def _take_over(run_id: int, now: datetime) -> int:
    agent_id = AgentRun.objects.values_list("agent_id", flat=True).get(pk=run_id)
    packed = obsolete.pack(agent_id) if stop_intent_of(agent_id) is not None else None
    with transaction.atomic():
        run = AgentRun.objects.select_for_update().filter(pk=run_id, status__in=ALIVE, lease_until__lte=now).first()
        if run is None:
            return 0
        reason = "Its supervisor stopped answering."
        log.warning("run_lost", run=run.pk, agent=agent_id, owner=run.owner, epoch=run.epoch)
        _lose(
            run,
            packed,
            now=now,
            reason=reason,
            again=lambda agent: try_again(agent, now=now, reason=reason, was_lost=True),
        )
    return 1


def _lose(run: AgentRun, packed: obsolete.Conversation | None, *, now: datetime, reason: str, again: Again) -> None:
    """The run is lost; its agent is stopped where that was wished for, else tried ``again``."""
    moves.move(run, RunStatus.LOST, now=now, reason=reason, ended_at=now, end_reason=reason)
    agent = Agent.objects.select_for_update(of=("self",)).select_related("profile", "start").get(pk=run.agent_id)
    stop = stop_intent_of(agent.pk)
    if agent.status in AGENT_MOVES.terminal:
        return
    if stop is not None or agent.status == AgentStatus.STOPPING:
        packed = packed or obsolete.pack(agent.pk, with_files=False)
        end_agent_stopped(agent, packed, now=now, reason=stop.reason if stop else reason, by=wisher_of(stop))
    else:
        again(agent)
