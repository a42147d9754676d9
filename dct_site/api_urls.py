"""Every address of the API: the resources under ``/api/v1/``, their schema and its documentation."""

import sys
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, URLResolver, include, path
from django.views.defaults import page_not_found
from django.views.defaults import server_error as page_error
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from accounts.api import problems as accounts_problems
from accounts.api import schema as _schema  # noqa: F401 - drf-spectacular finds its extensions by their being there
from accounts.api.audit import AuditViewSet
from accounts.api.me import MeViewSet, TokenViewSet
from accounts.api.people import UserViewSet
from accounts.api.permissions import OperationPermission
from accounts.api.toggles import ToggleViewSet
from accounts.operations import Operation
from agents.api import problems as agents_problems
from agents.api.agents import AgentViewSet
from agents.api.limits import LimitsViewSet
from agents.api.model_providers import ProviderViewSet
from agents.api.profiles import CommandViewSet, ProfileViewSet
from agents.api.record_rules import RecordRuleViewSet
from agents.api.records import ObsoleteViewSet
from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import Problem
from deliverables.api import problems as deliverables_problems
from triggers.api import problems as triggers_problems
from triggers.api.bulk_replays import BulkReplayViewSet
from triggers.api.calendars import CalendarViewSet
from triggers.api.connections import ConnectionViewSet
from triggers.api.decisions import DecisionViewSet
from triggers.api.deliveries import DeliveryViewSet
from triggers.api.erasures import ErasureViewSet
from triggers.api.events import EventViewSet
from triggers.api.executions import ExecutionViewSet
from triggers.api.items import ItemViewSet, SourceViewSet
from triggers.api.listeners import ListenerViewSet
from triggers.api.retention import RetentionViewSet
from triggers.api.reviews import ReviewedWorkspaceViewSet, WaivableViewSet
from triggers.api.schedules import ScheduleViewSet
from triggers.api.status import StatusViewSet
from triggers.api.triggers import TriggerViewSet
from triggers.api.watches import WatchViewSet
from workspaces.api import problems as workspaces_problems
from workspaces.api.templates import TemplateViewSet

for _room in (accounts_problems, workspaces_problems, deliverables_problems, agents_problems, triggers_problems):
    _room.register()

router = SimpleRouter()
for _prefix, _viewset in (
    ("agent-profiles", ProfileViewSet),
    ("agents", AgentViewSet),
    ("audit", AuditViewSet),
    ("bulk-replays", BulkReplayViewSet),
    ("connections", ConnectionViewSet),
    ("context-items", ItemViewSet),
    ("decisions", DecisionViewSet),
    ("deliverables", WaivableViewSet),
    ("deliveries", DeliveryViewSet),
    ("erasures", ErasureViewSet),
    ("events", EventViewSet),
    ("executions", ExecutionViewSet),
    ("feature-toggles", ToggleViewSet),
    ("listeners", ListenerViewSet),
    ("model-providers", ProviderViewSet),
    ("obsolete-agents", ObsoleteViewSet),
    ("record-rules", RecordRuleViewSet),
    ("runtime-commands", CommandViewSet),
    ("schedule-calendars", CalendarViewSet),
    ("schedules", ScheduleViewSet),
    ("sources", SourceViewSet),
    ("tokens", TokenViewSet),
    ("triggers", TriggerViewSet),
    ("users", UserViewSet),
    ("watches", WatchViewSet),
    ("workspace-templates", TemplateViewSet),
    ("workspaces", ReviewedWorkspaceViewSet),
):
    router.register(_prefix, _viewset, basename=_prefix.removesuffix("s"))

API = "/api/"
_SINGLE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update"}
_TEMPLATE_FILE: dict[str, Any] = {"get": "file", "put": "put_file", "delete": "delete_file"}

resources: list[URLPattern | URLResolver] = [
    path("limits/", LimitsViewSet.as_view(_SINGLE), name="limits"),
    path("me/", MeViewSet.as_view({"get": "retrieve"}), name="me"),
    path("retention/", RetentionViewSet.as_view(_SINGLE), name="retention"),
    path("status/", StatusViewSet.as_view({"get": "retrieve"}), name="status"),
    path("status/utilisation/", StatusViewSet.as_view({"get": "utilisation"}), name="utilisation"),
    path("workspaces/<int:pk>/files/<path:path>", ReviewedWorkspaceViewSet.as_view({"get": "file"})),
    path("workspace-templates/<int:pk>/files/<path:path>", TemplateViewSet.as_view(_TEMPLATE_FILE)),
    *router.urls,
]


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, for whoever is signed in."""

    # Its own default lets everybody in.
    permission_classes = [OperationPermission]
    operations = {"get": Operation.VIEW}


class DocsView(SpectacularSwaggerSplitView):
    """The documentation to read and to try."""

    permission_classes = [OperationPermission]
    operations = {"get": Operation.VIEW}
    template_name = "api/docs.html"


# The resources lie under api/v1/ in dct_site.urls; schema and documentation beside them, under api/.
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include((resources, "api"))),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", login_required(DocsView.as_view(url_name="schema")), name="api-docs"),
]


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The 404 of an address that leads nowhere: a problem under /api/, a page elsewhere."""
    if request.path.startswith(API):
        return problems.answer(request, Problem(404, "not_found", "There is no such address in this API."))
    return page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """An error of ours, without its details: a problem under /api/, a page elsewhere; 503 without a database."""
    error = sys.exc_info()[1]
    known = problems.problem_of(error) if error is not None else None
    if known is not None and known.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return problems.answer(request, known) if request.path.startswith(API) else _not_now(known)
    if request.path.startswith(API):
        detail = "DCT could not do this because of an error of its own. Try again; if it stays, look into the log."
        return problems.answer(request, Problem(500, "server_error", detail))
    return page_error(request)


def _not_now(problem: Problem) -> HttpResponse:
    """A page that needs no database."""
    page = render_to_string("503.html", {"detail": problem.detail})
    return HttpResponse(page, status=problem.status, headers=dict(problem.headers))
