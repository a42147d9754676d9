"""Executions that a person may see, and all that their page and the API show of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from agents.models import Agent
from agents.selectors.queue import waiting
from deliverables.models import Check, Deliverable
from triggers.enums import FiringRole
from triggers.models import Attempt, Execution, ExecutionStep, Firing
from triggers.selectors.trail import Leg, trail_of

MOST_TAKEN_IN = 100


@dataclass(frozen=True)
class Detail:
    """One execution with what belongs to it. ``position`` and ``waits_for`` are set while it waits for a start;
    ``took_in`` are the newest MOST_TAKEN_IN events that joined it, oldest first, ``replaces`` the ids of executions
    that it cancelled.
    """

    execution: Execution
    legs: Sequence[Leg]
    position: int | None
    waits_for: str
    steps: Sequence[ExecutionStep]
    attempts: Sequence[Attempt]
    agents: Sequence[Agent]
    deliverables: Sequence[Deliverable]
    took_in: Sequence[Firing]
    replaces: Sequence[int]


def executions_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Execution]:
    """Executions of triggers and workspaces within reach, newest first; ready for a list (no query per row)."""
    rows = Execution.objects.select_related("trigger", "revision", "event__item", "start", "workspace", "news")
    return visible(rows.prefetch_related("steps"), user=user, operation=operation)


def detail_of(execution: Execution, *, now: datetime) -> Detail:
    """What the page and the API show. The caller has checked that the person may see it."""
    wait = waiting(execution.start, now=now) if execution.start else None
    checks = Prefetch("checks", queryset=Check.objects.order_by("position", "id"))
    owned = {"workspace": execution.workspace_id}
    return Detail(
        execution=execution,
        legs=trail_of(execution, now=now),
        position=wait.position if wait else None,
        waits_for=wait.reason if wait else "",
        steps=list(execution.steps.all()),
        attempts=list(execution.attempts.all()),
        agents=list(Agent.objects.filter(**owned).select_related("profile").order_by("id")),
        took_in=_took_in(execution),
        replaces=list(execution.replaces.order_by("id").values_list("id", flat=True)),
        deliverables=list(Deliverable.objects.filter(**owned).prefetch_related(checks)),
    )


def _took_in(execution: Execution) -> list[Firing]:
    if execution.event_count == 1:
        return []
    joined = Firing.objects.filter(execution=execution).exclude(role=FiringRole.PRIMARY).order_by("-event_id")
    return list(joined[:MOST_TAKEN_IN])[::-1]
