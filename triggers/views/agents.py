"""Agents: the list, the page of one, its conversation as it grows, and what a person tells it."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import may
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.filtering import Choice, Filters, searched, wanted_id
from accounts.views.lists import ListPage
from agents.enums import AgentStatus, RunStatus, RuntimeKind, WaitsFor
from agents.models import Agent, AgentMessage, AgentRun, ObsoleteAgentRecord
from agents.selectors.agents import agents_visible_to, messages_of
from agents.selectors.budgets import used_words
from agents.selectors.records import BODIES
from agents.services import intents
from agents.views.talk import SHOWN_MESSAGES, is_open, talk_of
from triggers.enums import Attention
from triggers.models import Execution
from triggers.services import attention
from triggers.views.links import execution_title, link_to_execution, link_to_workspace
from triggers.views.matching import company_of

STATUS = Choice("status", "State", "Any state", [(one.value, one.label) for one in AgentStatus])
STOP_LINES = (
    "Its processes end at once; what they wrote stays in the workspace.",
    "What it said is kept and can be read.",
    "Its execution fails unless it is done already.",
)
_ANSWERABLE = (Attention.QUESTION, Attention.UNSATISFIED)


class AgentsPage(ListPage[Agent]):
    """Every agent in a workspace that the person may see."""

    operation = Operation.VIEW
    page = "agents"
    template_name = "agents/agents.html"
    name: ClassVar[str] = "agents"
    topic = "agents"
    noun = "agents"

    def rows(self) -> QuerySet[Agent]:
        rows = agents_visible_to(user=self.user)
        if value := STATUS.chosen(self.request):
            rows = rows.filter(status=value)
        if (profile := wanted_id(self.request, "profile")) is not None:
            rows = rows.filter(profile_id=profile)
        if words := searched(self.request):
            rows = rows.filter(profile__name__icontains=words) | rows.filter(workspace__title__icontains=words)
        return rows

    def filters(self) -> Filters:
        return Filters("Filter agents", (STATUS,), "Profile or workspace")

    def shown(self, rows: Sequence[Agent]) -> list[dict[str, Any]]:
        executions = executions_of([row.workspace_id for row in rows])
        return [
            {
                "url": reverse("agent", args=[row.pk]),
                "name": row.profile.name,
                "title": row.workspace.title,
                "workspace": link_to_workspace(row.workspace),
                "execution": link_to_execution(executions[row.workspace_id])
                if row.workspace_id in executions
                else None,
                "status": row.status,
                "reason": row.reason,
                "rounds": row.rounds,
                "created_at": row.created_at,
            }
            for row in rows
        ]


class AgentPage(PageView):
    """One agent: what it is, what it said, its runs."""

    operation = Operation.VIEW
    page = "agents"
    template_name = "agents/agent.html"
    parts: ClassVar = {"agent_head": "agents/_head.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        agent = self.find(agents_visible_to(user=self.user), pk=kwargs["pk"])
        execution = execution_of(agent)
        runs = list(AgentRun.objects.filter(agent=agent).order_by("epoch"))
        shown = {
            **agent_shown(agent, user=self.user),
            "answer": _answer(agent),
            "execution": self._execution(execution, agent),
            "profile": agent.profile.name,
            "runtime": _runtime(agent.profile.runtime),
            "sandbox": next((run.sandbox for run in reversed(runs) if run.sandbox), "not started yet"),
            "facts": _facts(agent),
            "company": company_of(agent, user=self.user),
            "obsolete": self._obsolete(agent),
            "runs": [_run(run) for run in runs],
        }
        return {"agent": shown}

    def _execution(self, execution: Execution | None, agent: Agent) -> dict[str, str]:
        if execution is None:
            link = link_to_workspace(agent.workspace)
            return {**link, "title": agent.workspace.title}
        return {**link_to_execution(execution.pk), "title": execution_title(execution)}

    def _obsolete(self, agent: Agent) -> dict[str, str] | None:
        record = ObsoleteAgentRecord.objects.filter(agent=agent).defer(*BODIES).first()
        if record is None:
            return None
        words = f"Put away by {record.by_label}: {record.reason}"
        if record.purged_at is not None:
            words += " What it said is no longer kept."
        return {"words": words, "url": reverse("record", args=[record.pk])}


class AgentMessages(PageView):
    """What was said after the message ``?after=``."""

    operation = Operation.VIEW

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        agent = self.find(agents_visible_to(user=self.user), pk=kwargs["pk"])
        after = wanted_id(request, "after") or 0
        messages = messages_of(agent, user=self.user, after=after, limit=SHOWN_MESSAGES)
        talk = talk_of(agent, messages)
        shown = {"id": agent.pk, "messages_url": reverse("agent-messages", args=[agent.pk]), **talk}
        shown["last_id"] = max(talk["last_id"], after)
        return self.draw({"agent": shown}, template="triggers/_messages.html")


class AgentTranscript(SignedInView):
    """The whole conversation as JSON lines."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:  # noqa: ARG002
        agent = self.find(agents_visible_to(user=self.user), pk=pk)
        self.require(Operation.VIEW_RAW, agent)
        response = StreamingHttpResponse(_lines(agent.pk), content_type="application/x-ndjson")
        response["Content-Disposition"] = f'attachment; filename="agent-{agent.pk}.jsonl"'
        return response


class StopAgent(SignedInView):
    """End its processes."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        agent = self.find(agents_visible_to(user=self.user), pk=pk)
        self.require(Operation.CONTROL_AGENTS, agent)
        wish = intents.stop(agent=agent, by=self.actor, now=self.now, reason=f"stopped by {self.actor.label}")
        if wish is None:
            return done(request, "It has ended, or is being stopped already.", tone="off")
        return done(request, f"{agent.profile.name} is being stopped.")


class TellAgent(SignedInView):
    """Tell it something; where its execution waits for an answer, this is the answer."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        agent = self.find(agents_visible_to(user=self.user), pk=pk)
        text = request.POST.get("text", "")
        execution = execution_of(agent)
        if execution is not None and execution.attention in _ANSWERABLE:
            self.require(Operation.WAIVE, execution)
            attention.answer(execution=execution, text=text, by=self.actor, now=self.now)
            return done(request, "Sent. The agent goes on when a slot is free.")
        self.require(Operation.CONTROL_AGENTS, agent)
        if intents.tell(agent=agent, text=text, by=self.actor, now=self.now) is None:
            return done(request, "The agent has ended; nobody would read this.", tone="warn")
        return done(request, "Sent. The agent reads it after this step.")


def agent_shown(agent: Agent, *, user: User, with_talk: bool = True) -> dict[str, Any]:
    """An agent with its conversation, for its own page and its execution's; links only to what the person may do."""
    is_raw = bool(may(user, Operation.VIEW_RAW, agent))
    shown: dict[str, Any] = {
        "id": agent.pk,
        "name": agent.profile.name,
        "url": reverse("agent", args=[agent.pk]),
        "status": agent.status,
        "messages_url": reverse("agent-messages", args=[agent.pk]),
        "stop_lines": STOP_LINES,
        "waits": agent.status == AgentStatus.WAITING,
    }
    if is_raw:
        shown["transcript_url"] = reverse("agent-transcript", args=[agent.pk])
    if is_open(agent) and may(user, Operation.CONTROL_AGENTS, agent):
        shown["stop_url"] = reverse("agent-stop", args=[agent.pk])
        shown["say_url"] = reverse("agent-say", args=[agent.pk])
    if with_talk:
        shown |= _talk(agent, user)
    return shown


def execution_of(agent: Agent) -> Execution | None:
    """The execution whose workspace it works in."""
    rows = Execution.objects.filter(workspace=agent.workspace_id).select_related("trigger", "event__item", "workspace")
    return rows.order_by("-id").first()


def executions_of(workspace_ids: Sequence[int]) -> dict[int, int]:
    """{workspace id: id of its latest execution}, for a page of rows at once."""
    rows = Execution.objects.filter(workspace__in=set(workspace_ids)).order_by("id")
    return dict(rows.values_list("workspace_id", "id"))


def _talk(agent: Agent, user: User) -> dict[str, Any]:
    """The end of the conversation; what came before it is in the transcript."""
    last = AgentMessage.objects.filter(agent_id=agent.pk).order_by("-seq").values_list("seq", flat=True).first() or 0
    start = max(0, last - SHOWN_MESSAGES)
    talk = talk_of(agent, messages_of(agent, user=user, after=start, limit=SHOWN_MESSAGES))
    if start and talk["messages"]:
        earlier: dict[str, Any] = {"id": 0, "by": "dct", "name": "DCT", "at": None, "calls": []}
        earlier["text"] = f"{start:,} earlier messages are in the transcript."
        talk["messages"].insert(0, earlier)
    return talk


def _lines(agent_id: int) -> Iterator[str]:
    for row in AgentMessage.objects.filter(agent_id=agent_id).order_by("seq").iterator(chunk_size=500):
        line = {"seq": row.seq, "kind": row.kind, "text": row.text, "data": row.data, "at": row.at.isoformat()}
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _answer(agent: Agent) -> dict[str, str] | None:
    if agent.status == AgentStatus.WAITING:
        strong = (
            "It waits for your answer." if agent.waits_for == WaitsFor.QUESTION else "It could not satisfy the gate."
        )
        return {"tone": "warn", "icon": "chat-left-dots-fill", "strong": strong, "text": agent.reason}
    if agent.status == AgentStatus.FAILED:
        return {"tone": "bad", "icon": "x-octagon-fill", "strong": "It failed.", "text": agent.reason}
    if agent.status == AgentStatus.STOPPED:
        return {"tone": "off", "icon": "stop-circle", "strong": "It was stopped.", "text": agent.reason}
    return None


def _runtime(kind: str) -> str:
    return RuntimeKind(kind).label if kind in RuntimeKind.values else kind


def _facts(agent: Agent) -> list[dict[str, str]]:
    facts = [
        {"name": "Attempt", "words": f"{max(agent.attempt, 1)} of {agent.profile.max_attempts}"},
        {"name": "Sent back", "words": f"{agent.rounds} of {agent.profile.max_rounds} times"},
    ]
    if agent.restored_from_id is not None:
        before = ObsoleteAgentRecord.objects.values_list("agent_id", flat=True).get(pk=agent.restored_from_id)
        facts.append({"name": "Goes on from", "words": f"agent {before}"})
    if agent.profile.model:
        facts.insert(0, {"name": "Model", "words": agent.profile.model})
    if used := used_words(agent):
        facts.append({"name": "Used", "words": used})
    return facts


def _run(run: AgentRun) -> dict[str, Any]:
    words = RunStatus(run.status).label
    if run.end_reason:
        words = f"{words}: {run.end_reason}"
    return {"name": f"Run {run.epoch}", "status": run.status, "words": words, "at": _latest(run)}


def _latest(run: AgentRun) -> datetime:
    return run.ended_at or run.started_at
