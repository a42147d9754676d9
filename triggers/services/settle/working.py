"""Settles executions at work: looks at their agents and deliverables, and moves each to what follows from them."""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from agents.enums import AgentStatus, IntentStatus, WaitsFor
from agents.models import Agent, AgentIntent
from dct_site.kernel.about import about
from dct_site.kernel.moves import IllegalMove, LostRace
from triggers.enums import Attention, ExecutionStatus, StepName, StepStatus
from triggers.models import Execution, ExecutionStep
from triggers.services.proof import unproven
from triggers.services.settle import moves as settle_moves
from triggers.services.settle.rule import Next, Standing, UpdateStanding, next_of, next_of_update
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
    for execution in (*unsettled(now)[:limit], *unsettled_updates(now)[:limit]):
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
    rows = rows.filter(news=None)
    return rows.filter(running | verifying | asking | overdue).order_by(F("deadline_at").asc(nulls_last=True), "id")


def unsettled_updates(now: datetime) -> QuerySet[Execution]:
    """Executions that were given to agents at work, for which something may follow."""
    untold = ExecutionStep.objects.filter(execution=OuterRef("pk"), name=StepName.DELIVER_UPDATE)
    untold = untold.exclude(status=StepStatus.DONE)
    told = Q(Exists(untold), news__status=IntentStatus.DONE)
    over = Q(news__agent__status__in=_ENDED) | Q(news__status=IntentStatus.DROPPED) | Q(deadline_at__lte=now)
    rows = Execution.objects.filter(told | over, status=ExecutionStatus.RUNNING, news__isnull=False)
    return rows.order_by(F("deadline_at").asc(nulls_last=True), "id")


def update_standing_of(execution: Execution, now: datetime) -> UpdateStanding:
    """How an execution that was given to an agent at work stands, read without a lock."""
    news = AgentIntent.objects.select_related("agent").get(execution=execution)
    noted = execution.steps.filter(name=StepName.DELIVER_UPDATE, status=StepStatus.DONE)
    return UpdateStanding(
        status=ExecutionStatus(execution.status),
        agent=AgentStatus(news.agent.status),
        news=IntentStatus(news.status),
        is_noted=noted.exists(),
        is_overdue=execution.deadline_at is not None and execution.deadline_at <= now,
    )


def _next(execution: Execution, now: datetime) -> Next:
    if execution.news_id is not None:
        return next_of_update(update_standing_of(execution, now))
    return next_of(standing_of(execution, now))


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
    try:
        if _next(seen, now) is Next.NOTHING:
            return False
        with transaction.atomic():
            execution = (
                Execution.objects.select_for_update(of=("self",))
                .select_related("workspace", "start", "revision", "news")
                .get(pk=seen.pk)
            )
            following = _next(execution, now)  # again, now that it is ours
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
