"""The list of executions: every piece of work that a trigger asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.filtering import Choice, Filters, Pin, searched, wanted_id
from accounts.views.lists import ListPage
from triggers.enums import Attention, ExecutionStatus
from triggers.models import Execution
from triggers.selectors.executions import executions_visible_to
from triggers.selectors.failures import OF_EXECUTIONS, failed_at
from triggers.selectors.trail import trail_of
from triggers.selectors.triggers import triggers_visible_to
from triggers.views.links import event_number, execution_number, execution_title, link_to_trigger

STATUS = Choice("status", "State", "Any state", [(one.value, one.label) for one in ExecutionStatus])
FAILURE = Choice("failure", "Failed at", "Failed or not", [(one.value, one.label) for one in OF_EXECUTIONS])
ATTENTION = Choice("attention", "Needs", "Whether it needs you or not", [(one.value, one.label) for one in Attention])


class ExecutionsPage(ListPage[Execution]):
    """Every execution that the person may see."""

    operation = Operation.VIEW
    page = "executions"
    template_name = "triggers/executions.html"
    name: ClassVar[str] = "executions"
    topic = "executions"
    noun = "executions"

    def rows(self) -> QuerySet[Execution]:
        rows = executions_visible_to(user=self.user)
        for name in ("trigger", "event", "workspace"):
            if (wanted := wanted_id(self.request, name)) is not None:
                rows = rows.filter(**{f"{name}_id": wanted})
        if (item := wanted_id(self.request, "item")) is not None:
            rows = rows.filter(Q(item_id_at_start=item) | Q(event__item__parent_id=item))
        for choice in (STATUS, ATTENTION):
            if value := choice.chosen(self.request):
                rows = rows.filter(**{choice.name: value})
        if failure := FAILURE.chosen(self.request):
            rows = failed_at(rows, [failure])
        if words := searched(self.request):
            rows = rows.filter(
                Q(trigger__name__icontains=words)
                | Q(workspace__title__icontains=words)
                | Q(event__item__title__icontains=words)
                | Q(event__item__external_key__icontains=words)
            )
        return rows

    def filters(self) -> Filters:
        pins = []
        if (trigger_id := wanted_id(self.request, "trigger")) is not None:
            trigger = triggers_visible_to(user=self.user).filter(pk=trigger_id).first()
            pins.append(Pin("trigger", trigger.name if trigger else "one trigger", "lightning-charge"))
        if (event_id := wanted_id(self.request, "event")) is not None:
            pins.append(Pin("event", event_number(event_id), "broadcast"))
        if wanted_id(self.request, "item") is not None:
            pins.append(Pin("item", "one item"))
        return Filters("Filter executions", (STATUS, ATTENTION, FAILURE), "Trigger, item or title", pins)

    def shown(self, rows: Sequence[Execution]) -> list[dict[str, Any]]:
        return [row_of(row, now=self.now) for row in rows]


def row_of(execution: Execution, *, now: datetime) -> dict[str, Any]:
    """One execution in a list; reads what ``executions_visible_to`` brought along."""
    return {
        "id": execution.pk,
        "url": reverse("execution", args=[execution.pk]),
        "title": execution_title(execution),
        "number": execution_number(execution.pk),
        "trigger": link_to_trigger(execution.trigger),
        "status": execution.status,
        "attention": execution.attention,
        "legs": trail_of(execution, now=now),
        "priority": execution.priority,
        "reason": execution.reason,
        "queued_at": execution.queued_at,
        "ms": taken(execution, now=now),
    }


def taken(execution: Execution, *, now: datetime) -> float | None:
    """Milliseconds from its start to its end, or until now; None while it waits."""
    if execution.started_at is None:
        return None
    return max(0.0, ((execution.ended_at or now) - execution.started_at).total_seconds() * 1000)
