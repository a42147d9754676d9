"""Settles executions at work: looks at their agents and deliverables, and moves each to what follows from them."""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from agents.enums import AgentStatus, WaitsFor
from agents.models import Agent
from dct_site.kernel.about import about
from dct_site.kernel.moves import IllegalMove, LostRace
from triggers.enums import Attention, ExecutionStatus
from triggers.models import Execution
from triggers.services.proof import unproven
from triggers.services.settle import moves as settle_moves
from triggers.services.settle.rule import Next, Standing, next_of
from triggers.services.slots import give_back_left_over

log = structlog.get_logger(__name__)

LIVE = (
    ExecutionStatus.STARTING,
    ExecutionStatus.RUNNING,
    ExecutionStatus.VERIFYING,
    ExecutionStatus.NEEDS_ATTENTION,
)
_ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED)
_AT_WORK = (AgentStatus.PENDING, AgentStatus.STARTING, AgentStatus.RUNNING)


def settle_some(*, now: datetime, limit: int = 100) -> int:
    """Move up to ``limit`` executions on and give back the slots of those that ended; returns how many moved.

    Safe to repeat and to run twice at once: each move is a compare-and-swap on what was looked at.
    """
    moved = 0
    for execution in unsettled(now)[:limit]:
        moved += _settle(execution, now)
    give_back_left_over(now=now, limit=limit)
    return moved


def settle_deadlines(*, now: datetime, limit: int = 100) -> int:
    """Time out what is past its deadline; the clock calls it, so that nothing waits for an agent to speak."""
    overdue = Execution.objects.filter(status__in=LIVE, deadline_at__lte=now).order_by("deadline_at", "id")
    return sum(_settle(execution, now) for execution in overdue[:limit])


def unsettled(now: datetime) -> QuerySet[Execution]:
    """Executions for which something may follow, those that wait longest first."""
    latest = Agent.objects.filter(workspace=OuterRef("workspace")).order_by("-id")
    rows = Execution.objects.annotate(
        agent_status=Subquery(latest.values("status")[:1]), says_done_at=Subquery(latest.values("claims_done_at")[:1])
    )
    ended = Q(agent_status__in=_ENDED) | Q(agent_status=None)
    running = Q(status=ExecutionStatus.RUNNING) & (
        ended | Q(agent_status=AgentStatus.WAITING) | Q(says_done_at__isnull=False)
    )
    verifying = Q(status=ExecutionStatus.VERIFYING) & (
        ended | Q(agent_status=AgentStatus.WAITING) | Q(says_done_at__isnull=True)
    )
    asking = Q(status=ExecutionStatus.NEEDS_ATTENTION, attention__in=[Attention.QUESTION, Attention.UNSATISFIED])
    asking &= ended | Q(agent_status__in=_AT_WORK)
    overdue = Q(status__in=LIVE, deadline_at__lte=now)
    return rows.filter(running | verifying | asking | overdue).order_by(F("deadline_at").asc(nulls_last=True), "id")


def standing_of(execution: Execution, now: datetime) -> Standing:
    """How the execution and its latest agent stand, read without a lock."""
    agent = Agent.objects.filter(workspace=execution.workspace_id).order_by("-id").first()
    return Standing(
        status=ExecutionStatus(execution.status),
        attention=Attention(execution.attention) if execution.attention else None,
        agent=AgentStatus(agent.status) if agent else None,
        waits_for=WaitsFor(agent.waits_for) if agent and agent.waits_for else None,
        says_done=agent is not None and agent.claims_done_at is not None,
        is_proven=not unproven(execution).exists(),
        is_overdue=execution.deadline_at is not None and execution.deadline_at <= now,
    )


def _settle(seen: Execution, now: datetime) -> bool:
    with about(execution=seen.pk, trigger=seen.trigger_id):
        return _settle_about(seen, now)


def _settle_about(seen: Execution, now: datetime) -> bool:
    if next_of(standing_of(seen, now)) is Next.NOTHING:
        return False
    try:
        with transaction.atomic():
            execution = (
                Execution.objects.select_for_update(of=("self",))
                .select_related("workspace", "start", "revision")
                .get(pk=seen.pk)
            )
            following = next_of(standing_of(execution, now))  # again, now that it is ours
            if following is Next.NOTHING:
                return False
            settle_moves.MOVES[following](execution, now)
    except (LostRace, IllegalMove):  # somebody else was quicker; what is left is found again
        log.info("settle_lost", execution=seen.pk)
        return False
    except Exception:
        # One execution that cannot be settled must not keep the others from it; the next pass tries again.
        log.exception("settle_failed", execution=seen.pk)
        return False
    return True
