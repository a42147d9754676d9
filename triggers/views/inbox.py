"""What needs a person: executions that stand still until somebody decides; a list and a pane to decide in."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import HttpRequest
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.base import PageView
from accounts.views.filtering import wanted_id
from accounts.views.keyset import with_query
from agents.enums import IntentKind, IntentStatus
from agents.models import Agent, AgentIntent
from deliverables.models import Deliverable
from deliverables.selectors import deliverables_of
from triggers.enums import Attention, ExecutionStatus
from triggers.models import Execution
from triggers.selectors.executions import executions_visible_to
from triggers.selectors.trail import trail_of
from triggers.selectors.triggers import paused_by_dct
from triggers.views.execution_words import last_question
from triggers.views.links import execution_title, link_to_execution, link_to_item, link_to_trigger
from triggers.views.proof import deliverables_shown

SHOWN = 100
MINE, ALL = "mine", "all"
_LINES = {
    Attention.REVIEW: "The workspace is prepared and waits for your review.",
    Attention.QUESTION: "The agent asks and waits for an answer.",
    Attention.UNSATISFIED: "What was asked for does not hold, and the agent could not mend it.",
    Attention.APPROVAL: "It waits for an approval.",
}


class InboxPage(PageView):
    """Everything that waits for a person: triggers that DCT paused, and executions, the longest wait first;
    ``?execution=`` opens one.
    """

    operation = Operation.VIEW
    page = "inbox"
    template_name = "triggers/inbox.html"
    parts: ClassVar = {"list": "triggers/_inbox_list.html", "paused": "triggers/_inbox_paused.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        rows = executions_visible_to(user=self.user).filter(status=ExecutionStatus.NEEDS_ATTENTION)
        mine = rows.filter(trigger__owner=self.user)
        whose = MINE if self.request.GET.get("whose") == MINE else ALL
        shown = list((mine if whose == MINE else rows).order_by("id")[:SHOWN])
        wanted = wanted_id(self.request, "execution")
        first = shown[0] if shown else None
        current = first if wanted is None else next((row for row in shown if row.pk == wanted), None)
        paused = paused_by_dct(user=self.user).order_by("name", "id")
        if whose == MINE:
            paused = paused.filter(owner=self.user)
        stopped = list(paused[:SHOWN])
        count = rows.count()
        return {
            "inbox": {
                "url": _here(self.request),
                "words": _words(count + len(stopped)),
                "paused_url": with_query(self.request, part="paused"),
                "paused": [{**link_to_trigger(one), "reason": one.pause_reason} for one in stopped],
                "whose": [
                    {"label": f"Mine {mine.count()}", "url": with_query(self.request, whose=MINE), "on": whose == MINE},
                    {"label": f"All {count}", "url": with_query(self.request, whose=None), "on": whose == ALL},
                ],
                "items": self._items(shown, current),
                "is_chosen": wanted is not None,
            },
            "current": self._current(current) if current is not None and not self.request.GET.get("part") else None,
        }

    def _items(self, rows: Sequence[Execution], current: Execution | None) -> list[dict[str, Any]]:
        return [
            {
                "url": with_query(self.request, execution=row.pk),
                "is_current": current is not None and row.pk == current.pk,
                "attention": row.attention,
                "title": execution_title(row),
                "since": _since(row),
                "text": row.reason or _LINES[Attention(row.attention)],
            }
            for row in rows
        ]

    def _current(self, row: Execution) -> dict[str, Any]:
        agent = Agent.objects.filter(workspace=row.workspace_id).select_related("profile").order_by("-id").first()
        proof: list[Deliverable] = []
        if row.workspace is not None:
            proof = list(deliverables_of(row.workspace))
        item = row.event.item
        question = last_question(row.workspace_id, [agent.pk] if agent is not None else [])
        is_question = row.attention == Attention.QUESTION
        return {
            "id": row.pk,
            **link_to_execution(row.pk),
            "title": execution_title(row),
            "attention": row.attention,
            "strong": _LINES[Attention(row.attention)],
            "text": question if is_question and question else row.reason,
            "trigger": link_to_trigger(row.trigger),
            "item": link_to_item(item) if item is not None else None,
            "agent": {"name": agent.profile.name, "url": reverse("agent", args=[agent.pk])} if agent else None,
            "legs": trail_of(row, now=self.now),
            "since": _since(row),
            "deadline_at": row.deadline_at,
            "deliverables": deliverables_shown(proof, user=self.user, execution=row) if not is_question else [],
            "is_answered": agent is not None and _is_answered(agent),
            **self._urls(row),
        }

    def _urls(self, row: Execution) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if row.attention == Attention.REVIEW:
            if self.may(Operation.ACTIVATE_WORKSPACES, row) and row.workspace is not None:
                found["review_url"] = reverse("workspace-review", args=[row.workspace.pk])
        elif row.attention in (Attention.QUESTION, Attention.UNSATISFIED) and self.may(Operation.WAIVE, row):
            found["answer_url"] = reverse("execution-answer", args=[row.pk])
        if self.may(Operation.FIRE, row):
            found["extend_url"] = reverse("execution-extend", args=[row.pk])
            found["cancel_url"] = reverse("execution-cancel", args=[row.pk])
        return found


def _is_answered(agent: Agent) -> bool:
    """Whether somebody said something that it has not taken up yet."""
    return AgentIntent.objects.filter(agent=agent, kind=IntentKind.UPDATE, status=IntentStatus.PENDING).exists()


def _since(row: Execution) -> Any:
    """When it last began something: the latest end of a step, as it waits since then."""
    moments = [step.ended_at or step.started_at for step in row.steps.all()]
    return max((moment for moment in moments if moment is not None), default=row.queued_at)


def _words(count: int) -> str:
    if not count:
        return "Nothing waits for a person."
    things = "One thing waits" if count == 1 else f"{count} things wait"
    return f"{things} for a person. Nothing here moves until someone decides."


def _here(request: HttpRequest) -> str:
    """The address that answers the list again, with what is chosen."""
    return with_query(request, part="list")
