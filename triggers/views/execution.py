"""The page of one execution: its way, its conversation, its workspace, its proof, and why it happened."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import reverse

from accounts.operations import Operation
from accounts.views.base import PageView
from agents.models import Agent
from agents.selectors.budgets import used_words
from dct_site.templatetags.spans import duration_words
from triggers.enums import Attention, ExecutionStatus, FiringRole, Origin
from triggers.models import Attempt, Decision, Execution
from triggers.selectors.executions import Detail, detail_of, executions_visible_to
from triggers.selectors.failures import failure_of
from triggers.selectors.trail import asked_since
from triggers.views.agents import agent_shown
from triggers.views.execution_words import answer_of
from triggers.views.executions import taken
from triggers.views.links import execution_number, execution_title, link_to_event, link_to_execution, link_to_trigger
from triggers.views.matching import given_to, matching_shown
from triggers.views.proof import deliverables_shown, deliverables_words
from triggers.views.workspace_parts import workspace_shown
from workspaces.enums import TrustTier

CANCEL_LINES = (
    "Its agent is stopped with all that it started.",
    "The workspace stays and can be looked at.",
    "Slots are given back when the last process has ended.",
)
REPLAY_LINES = (
    "Its trigger is asked again about the same event, as the trigger is now.",
    "What ended stays as it is; a new execution links to the same event.",
)
_NAMED = 10
_ANCHORS = {"Prepared": "#ex-workspace", "Agent at work": "#ex-talk", "Proven": "#ex-deliverables"}


class ExecutionPage(PageView):
    """One execution."""

    operation = Operation.VIEW
    page = "executions"
    template_name = "triggers/execution.html"
    parts: ClassVar = {
        name: f"triggers/_{name}.html"
        for name in ("head", "trail", "talk", "workspace", "deliverables", "why", "attempts")
    }

    def context(self, **kwargs: Any) -> dict[str, Any]:
        execution = self.find(executions_visible_to(user=self.user), pk=kwargs["pk"])
        detail = detail_of(execution, now=self.now)
        agent = detail.agents[-1] if detail.agents else given_to(execution, user=self.user)
        return {"execution": {**self._head(detail), **self._body(detail, agent), **self._urls(execution)}}

    def _head(self, detail: Detail) -> dict[str, Any]:
        row = detail.execution
        is_over = row.status in Execution.MOVES.terminal
        end = row.ended_at or self.now
        return {
            "id": row.pk,
            "number": execution_number(row.pk),
            "url": reverse("execution", args=[row.pk]),
            "list_url": reverse("executions"),
            "title": execution_title(row),
            "status": row.status,
            "attention": row.attention,
            "is_live": not is_over,
            "priority": row.priority,
            "answer": answer_of(detail, now=self.now),
            "trigger": {**link_to_trigger(row.trigger), "revision": row.revision.number},
            "event": self._event(row),
            "total_ms": max(0.0, (end - min(asked_since(row.event), row.queued_at)).total_seconds() * 1000),
            "deadline_at": None if is_over else row.deadline_at,
            "legs": [{**leg, "href": self._anchor(leg["name"], row)} for leg in detail.legs],
            "position": detail.position,
            "reason": detail.waits_for if row.status == ExecutionStatus.QUEUED else "",
            "replaced_by": link_to_execution(row.replaced_by_id) if row.replaced_by_id else None,
            "replaces": [link_to_execution(pk) for pk in detail.replaces],
            "queued_at": row.queued_at,
            "expires_at": row.expires_at,
        }

    def _body(self, detail: Detail, agent: Agent | None) -> dict[str, Any]:
        row = detail.execution
        shown = deliverables_shown(detail.deliverables, user=self.user, execution=row)
        return {
            "deliverables": shown,
            "deliverables_words": deliverables_words(detail.deliverables),
            "why": {
                **self._why(row),
                "took_in": _taken_in(detail),
                "matching": matching_shown(row, user=self.user),
            },
            "attempts": [_attempt(one) for one in detail.attempts],
            "facts": self._facts(row, agent),
            "budget": self._budget(row),
            "workspace": self._workspace(row, agent),
            "agent": agent_shown(agent, user=self.user) if agent is not None else None,
        }

    def _urls(self, row: Execution) -> dict[str, Any]:
        found: dict[str, Any] = {"cancel_lines": CANCEL_LINES, "replay_lines": REPLAY_LINES}
        if not self.may(Operation.FIRE, row):
            return found
        if row.status in Execution.MOVES.terminal:
            found["replay_url"] = reverse("execution-retry", args=[row.pk])
        else:
            found["cancel_url"] = reverse("execution-cancel", args=[row.pk])
            if row.deadline_at is not None:
                found["extend_url"] = reverse("execution-extend", args=[row.pk])
        return found

    def _event(self, row: Execution) -> dict[str, Any]:
        url = f"{reverse('event', args=[row.event_id])}?trigger={row.trigger_id}"
        repeats = link_to_event(row.event.replay_of_id) if row.event.replay_of_id is not None else None
        return {"type": row.event.type, "url": url, "actor": row.event.actor, "replay_of": repeats}

    def _anchor(self, leg: str, row: Execution) -> str:
        return _ANCHORS.get(leg) or (self._event(row)["url"] if leg in {"Noticed", "Decided"} else "")

    def _why(self, row: Execution) -> dict[str, Any]:
        because = Decision.objects.filter(event=row.event_id, trigger=row.trigger_id).values_list("because", flat=True)
        node: Mapping[str, Any] = because.first() or {}
        by_hand = row.event.origin == Origin.MANUAL
        admitted = ""
        if row.start is not None and row.start.admitted_at is not None:
            waited = (row.start.admitted_at - row.start.queued_at).total_seconds() * 1000
            admitted = f"Admitted after {duration_words(waited)} with priority {row.start.priority}."
        return {"node": None if by_hand else node or None, "event_url": self._event(row)["url"], "admitted": admitted}

    def _facts(self, row: Execution, agent: Agent | None) -> list[dict[str, str]]:
        facts = [{"name": "Trust", "words": TrustTier(row.event.trust_tier).label}]
        failure = failure_of(row)
        if failure is not None:
            facts.insert(0, {"name": "Failed at", "words": failure.label})
        if row.workspace is not None and row.workspace.template_id is not None:
            facts.append({"name": "Template", "words": str(row.workspace.template)})
        if agent is not None:
            facts.append({"name": "Profile", "words": agent.profile.name})
            if used := used_words(agent):
                facts.append({"name": "Used", "words": used})
            facts.append({"name": "Sent back", "words": f"{agent.rounds} of {agent.profile.max_rounds} times"})
        return facts

    def _budget(self, row: Execution) -> dict[str, Any] | None:
        """How much of its time is used, while it is at work."""
        used = taken(row, now=self.now)
        if used is None or row.deadline_at is None or row.started_at is None or row.attention:
            return None
        if row.status in Execution.MOVES.terminal:
            return None
        total = (row.deadline_at - row.started_at).total_seconds() * 1000
        return {"words": f"{duration_words(used)} of {duration_words(total)}", "used": used, "total": total}

    def _workspace(self, row: Execution, agent: Agent | None) -> dict[str, Any] | None:
        if row.workspace is None:
            return None
        shown = workspace_shown(row.workspace, user=self.user, agent=agent)
        if row.attention == Attention.REVIEW and self.may(Operation.ACTIVATE_WORKSPACES, row):
            shown["review_url"] = reverse("workspace-review", args=[row.workspace.pk])
        return shown


def _taken_in(detail: Detail) -> dict[str, Any] | None:
    """The events that joined it while it waited; the newest are named."""
    count = detail.execution.event_count - 1
    if count < 1 or not detail.took_in:
        return None
    is_batch = detail.took_in[-1].role == FiringRole.BATCHED
    newest = [link_to_event(firing.event_id) for firing in detail.took_in[-_NAMED:]]
    return {"count": count, "is_batch": is_batch, "newest": newest, "more": max(0, count - len(newest))}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    words = ExecutionStatus(attempt.outcome).label if attempt.outcome in ExecutionStatus.values else "under way"
    if attempt.error:
        words = f"{words}: {attempt.error}"
    return {"name": f"Attempt {attempt.number}", "words": words, "at": attempt.ended_at or attempt.started_at}
