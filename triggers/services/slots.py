"""Gives an ended execution's slots back, as soon as no process of its agents is left."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from agents.enums import AgentStatus, Pool
from agents.models import Agent, SlotHolder
from agents.services import admission
from dct_site.kernel import moves
from triggers.models import Execution
from triggers.services.execution_start import EXECUTION_START

# An agent in one of these has a process, or may get one at any moment.
LIVE = (AgentStatus.PENDING, AgentStatus.STARTING, AgentStatus.RUNNING, AgentStatus.STOPPING)


def live_agents(execution: Execution) -> QuerySet[Agent]:
    return Agent.objects.filter(workspace=execution.workspace_id, status__in=LIVE)


def open_agents(execution: Execution) -> QuerySet[Agent]:
    """Also those that wait for a person: without a process, yet not ended."""
    return Agent.objects.filter(workspace=execution.workspace_id, status__in=(*LIVE, AgentStatus.WAITING))


def give_back_agent_slot(execution: Execution, *, now: datetime) -> None:
    """For one that waits for a person's review: its agent has not begun."""
    if execution.start is not None:
        admission.release(start=execution.start, pool=Pool.AGENTS, now=now)


def give_back_everything(execution: Execution, *, reason: str, now: datetime, by: str = moves.SYSTEM) -> None:
    """Take its wish for a start back, with all slots it holds; for one without any agent."""
    if execution.start is not None:
        admission.cancel_start(start=execution.start, now=now, reason=reason, by=by)


def give_back(execution: Execution, *, now: datetime) -> bool:
    """Release what the execution's start still holds; False where a process may still live (settle looks again)."""
    if execution.start is None or live_agents(execution).exists():
        return False
    for pool in Pool:
        admission.release(start=execution.start, pool=pool, now=now)
    admission.conclude(start=execution.start, now=now)
    return True


def give_back_left_over(*, now: datetime, limit: int) -> int:
    """Release the slots of executions that ended while an agent's process still lived; returns how many gave back."""
    holding = SlotHolder.objects.filter(start__kind=EXECUTION_START).order_by().values("start_id")
    ended = Execution.objects.filter(status__in=Execution.MOVES.terminal, start_id__in=holding).select_related("start")
    given = 0
    for execution in ended.order_by("id")[:limit]:
        with transaction.atomic():
            given += give_back(execution, now=now)
    return given
