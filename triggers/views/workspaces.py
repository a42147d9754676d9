"""Workspaces: the list, the page of one, the review of a draft, and what people do with one afterwards."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.filtering import Choice, Filters, Pin, searched, wanted_id
from accounts.views.lists import ListPage
from agents.models import Agent, AgentProfile
from deliverables.rules.judging import expectations
from deliverables.selectors import deliverables_of
from triggers.enums import Attention
from triggers.models import Execution
from triggers.selectors.executions import executions_visible_to
from triggers.views.agents import executions_of
from triggers.views.links import execution_title, link_to_execution, link_to_item, link_to_trigger, link_to_workspace
from triggers.views.proof import deliverables_shown, deliverables_words
from triggers.views.workspace_parts import files_shown
from workspaces.enums import ContextKind, ContextRefreshMode, TrustTier, WorkspaceStatus
from workspaces.models import Workspace
from workspaces.selectors.workspaces import context_visible_to, workspaces_visible_to
from workspaces.services import lifecycle
from workspaces.services.save_as_template import save_as_template

STATUS = Choice("status", "State", "Any state", [(one.value, one.label) for one in WorkspaceStatus])
_CLOSABLE = (WorkspaceStatus.DRAFT, WorkspaceStatus.COMPLETED, WorkspaceStatus.FAILED)
SHOWN_ON_PAGE = 500


class WorkspacesPage(ListPage[Workspace]):
    """Every workspace that the person may see."""

    operation = Operation.VIEW
    page = "workspaces"
    template_name = "workspaces/workspaces.html"
    name: ClassVar[str] = "workspaces"
    topic = "workspaces"
    noun = "workspaces"

    def rows(self) -> QuerySet[Workspace]:
        rows = workspaces_visible_to(user=self.user)
        if value := STATUS.chosen(self.request):
            rows = rows.filter(status=value)
        for name in ("template", "item"):
            if (wanted := wanted_id(self.request, name)) is not None:
                rows = rows.filter(**{f"{name}_id": wanted})
        if words := searched(self.request):
            rows = rows.filter(title__icontains=words)
        return rows

    def filters(self) -> Filters:
        pins = [Pin(name, f"one {name}") for name in ("template", "item") if wanted_id(self.request, name) is not None]
        return Filters("Filter workspaces", (STATUS,), "Title", pins)

    def shown(self, rows: Sequence[Workspace]) -> list[dict[str, Any]]:
        made_by = executions_of([row.pk for row in rows])
        return [
            {
                **link_to_workspace(row),
                "title": row.title,
                "status": row.status,
                "template": row.template.name if row.template is not None else "",
                "item": link_to_item(row.item) if row.item is not None else None,
                "execution": link_to_execution(made_by[row.pk]) if row.pk in made_by else None,
                "owner": row.owner.get_username(),
                "created_at": row.created_at,
            }
            for row in rows
        ]


class WorkspacePage(PageView):
    """One workspace: its files, what was known when it was made, its agents and its proof."""

    operation = Operation.VIEW
    page = "workspaces"
    template_name = "workspaces/workspace.html"
    parts: ClassVar = {"head": "workspaces/_head.html", "files": "workspaces/_files.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self.find(workspaces_visible_to(user=self.user), pk=kwargs["pk"])
        execution = executions_visible_to(user=self.user).filter(workspace=row).first()
        agents = list(Agent.objects.filter(workspace=row).select_related("profile").order_by("id"))
        began = agents[-1].started_at if agents else None
        shown, more = files_shown(row, user=self.user, began=began, limit=SHOWN_ON_PAGE)
        proof = list(deliverables_of(row))
        return {
            "workspace": {
                "id": row.pk,
                **link_to_workspace(row),
                "title": row.title,
                "status": row.status,
                "list_url": reverse("workspaces"),
                "item": link_to_item(row.item) if row.item is not None else None,
                "execution": _execution(execution) if execution is not None else None,
                "facts": _facts(row),
                "files": shown,
                "more": more,
                "known": [
                    {
                        "path": one.path,
                        "kind": ContextKind(one.kind).label if one.kind in ContextKind.values else one.kind,
                        "item": link_to_item(one.item) if one.item is not None else None,
                        "trust": TrustTier(one.trust_tier).label,
                    }
                    for one in context_visible_to(user=self.user, workspace=row)
                ],
                "agents": [
                    {"name": one.profile.name, "url": reverse("agent", args=[one.pk]), "status": one.status}
                    for one in agents
                ],
                "deliverables": deliverables_shown(proof, user=self.user, execution=execution),
                "deliverables_words": deliverables_words(proof),
                **self._urls(row, execution),
            }
        }

    def _urls(self, row: Workspace, execution: Execution | None) -> dict[str, str]:
        found: dict[str, str] = {}
        is_draft = execution is not None and execution.attention == Attention.REVIEW
        if is_draft and self.may(Operation.ACTIVATE_WORKSPACES, execution):
            found["review_url"] = reverse("workspace-review", args=[row.pk])
        found["records_url"] = f"{reverse('records')}?workspace={row.pk}"
        if self.may(Operation.SET_LIMITS):
            found["rule_url"] = reverse("workspace-record-rule", args=[row.pk])
        if self.may(Operation.EDIT_WORKSPACES, row):
            found["rename_url"] = reverse("workspace-rename", args=[row.pk])
            found["save_url"] = reverse("workspace-save-as-template", args=[row.pk])
            if row.status in _CLOSABLE and "review_url" not in found:
                found["archive_url"] = reverse("workspace-archive", args=[row.pk])
        return found


class ReviewPage(PageView):
    """A draft before its agent starts."""

    operation = Operation.VIEW
    page = "inbox"
    template_name = "workspaces/review.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self.find(workspaces_visible_to(user=self.user), pk=kwargs["pk"])
        execution = self.find(executions_visible_to(user=self.user), workspace=row)
        shown, _ = files_shown(row, user=self.user, began=None, limit=SHOWN_ON_PAGE)
        document = execution.revision.document
        trigger = link_to_trigger(execution.trigger)
        found: dict[str, Any] = {
            "id": row.pk,
            **link_to_workspace(row),
            "url": reverse("workspace-review", args=[row.pk]),
            "title": row.title,
            "status": row.status,
            "execution": {
                **link_to_execution(execution.pk),
                "trigger": trigger["name"],
                "trigger_url": trigger["url"],
            },
            "because": execution.reason or "The trigger asks for a review before an agent starts.",
            "facts": _facts(row),
            "files": shown,
            "agent": _agent(document.get("agent") or {}),
            "deliverables": [
                {"name": one.name, "words": _asked(one.kind, one.target, one.rules)} for one in deliverables_of(row)
            ],
        }
        waits = execution.attention == Attention.REVIEW
        if waits and self.may(Operation.ACTIVATE_WORKSPACES, execution):
            found["approve_url"] = reverse("execution-approve", args=[execution.pk])
            found["reject_url"] = reverse("execution-reject", args=[execution.pk])
        return {"workspace": found}


class WorkspaceAct(SignedInView):
    """Something done to one workspace that the person may see and edit."""

    def wanted(self, pk: int) -> Workspace:
        row = self.find(workspaces_visible_to(user=self.user), pk=pk)
        self.require(Operation.EDIT_WORKSPACES, row)
        return row


class Rename(WorkspaceAct):
    """Give it another title."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.wanted(pk)
        title = request.POST.get("title", "")
        lifecycle.rename(workspace=row, title=title, version=row.version, by=self.actor, now=self.now)
        return done(request, "Renamed.", reload=True)


class Archive(WorkspaceAct):
    """Put it away."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.wanted(pk)
        lifecycle.archive(workspace=row, by=self.actor, now=self.now)
        return done(request, f"{row.title} is archived; its files stay.", tone="off")


class SaveAsTemplate(WorkspaceAct):
    """Make a template of what was prepared."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.wanted(pk)
        name = request.POST.get("name", "")
        saved = save_as_template(workspace=row, name=name, owner=self.user, by=self.actor, now=self.now)
        left = len(saved.left_out)
        text = f"Saved as the template {saved.template.name}."
        if left:
            text = f"{text} {left} path{' was' if left == 1 else 's were'} left out."
        return done(request, text)


def _execution(execution: Execution) -> dict[str, str]:
    return {**link_to_execution(execution.pk), "title": execution_title(execution)}


def _facts(row: Workspace) -> list[dict[str, str]]:
    return [
        {"name": "Template", "words": row.template.name if row.template is not None else "none"},
        {"name": "Context", "words": ContextRefreshMode(row.context_refresh_mode).label},
        {"name": "Trust", "words": TrustTier(row.trust_tier).label},
        {"name": "Owner", "words": row.owner.get_username()},
    ]


def _agent(document: dict[str, Any]) -> dict[str, str]:
    """What the revision asks for; the person sees the execution, so its profile's name is no secret."""
    profile = AgentProfile.objects.filter(pk=document.get("profile_id") or 0).first()
    instructions = document.get("instructions") or (profile.instructions if profile is not None else "")
    if profile is None:
        return {"name": "The profile was removed", "runtime": "none", "instructions": instructions}
    return {"name": profile.name, "runtime": profile.runtime, "instructions": instructions}


def _asked(kind: str, target: str, rules: dict[str, Any]) -> str:
    return "; ".join(expectations(kind=kind, target=target, rules=rules).values())
