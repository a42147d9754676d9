"""Workspaces: what a trigger made, its files, and what people do with it afterwards."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import Input, LineField
from workspaces import files
from workspaces.api.files import CONTENT, RANGE, ListingSerializer, content, listing
from workspaces.api.templates import TemplateSerializer
from workspaces.enums import WorkspaceStatus
from workspaces.models import ContextFile, Workspace
from workspaces.selectors.workspaces import context_visible_to, workspaces_visible_to
from workspaces.services import lifecycle
from workspaces.services.save_as_template import save_as_template


class WorkspaceSerializer(serializers.ModelSerializer[Workspace]):
    """A clone and where it stands."""

    owner = serializers.CharField(source="owner.username")
    context_item_id = serializers.IntegerField(source="item_id", allow_null=True)

    class Meta:
        model = Workspace
        fields = (
            "id",
            "title",
            "status",
            "template_id",
            "context_item_id",
            "owner",
            "owner_id",
            "context_refresh_mode",
            "trust_tier",
            "options",
            "version",
            "created_at",
            "activated_at",
            "closed_at",
        )
        read_only_fields = fields


class ContextFileSerializer(serializers.ModelSerializer[ContextFile]):
    """One entry of the manifest: what was known, from where, which version, how far it is trusted."""

    context_item_id = serializers.IntegerField(source="item_id", allow_null=True)

    class Meta:
        model = ContextFile
        fields = (
            "path",
            "kind",
            "context_item_id",
            "item_version",
            "size",
            "checksum",
            "trust_tier",
            "written_at",
        )
        read_only_fields = fields


class WorkspaceChange(Input):
    """What may be changed of a workspace."""

    title = LineField(max_length=1000)


class Reason(Input):
    """Why, for the journal and for whoever looks later."""

    reason = LineField(required=False, allow_blank=True, default="", max_length=1000)


class TemplateName(Input):
    """What the new template is called."""

    name = LineField(max_length=200)


class SavedTemplate(TemplateSerializer):
    """The new template, and what was left out of it."""

    left_out = serializers.ListField(child=serializers.CharField())

    class Meta(TemplateSerializer.Meta):
        fields = (*TemplateSerializer.Meta.fields, "left_out")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class WorkspaceFilter(filters.FilterSet):
    """Workspaces by status, by the item they are about, by template and by owner."""

    status = filters.MultipleChoiceFilter(choices=WorkspaceStatus.choices)
    item = IdFilter(field_name="item_id")
    template = IdFilter(field_name="template_id")
    owner = IdFilter(field_name="owner_id")

    class Meta:
        model = Workspace
        fields = ("trust_tier",)


class WorkspaceViewSet(ReadingViewSet):
    """Workspaces and their files."""

    queryset = Workspace.objects.all()
    serializer_class = WorkspaceSerializer
    filterset_class = WorkspaceFilter
    long_actions = frozenset({"save_as_template"})
    operations: ClassVar[dict[str, Operation]] = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "context": Operation.VIEW,
        "files": Operation.VIEW,
        "file": Operation.VIEW_RAW,
        "partial_update": Operation.EDIT_WORKSPACES,
        "archive": Operation.EDIT_WORKSPACES,
        "save_as_template": Operation.EDIT_WORKSPACES,
    }

    def rows(self) -> QuerySet[Workspace]:
        return workspaces_visible_to(user=self.user)

    @extend_schema(request=WorkspaceChange, responses=WorkspaceSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Give it another title."""
        row = self.object_for_change()
        title = self.body(WorkspaceChange)["title"]
        lifecycle.rename(workspace=row, title=title, version=row.version, by=self.actor, now=self.now)
        return self.respond(row)

    @extend_schema(request=Reason, responses=WorkspaceSerializer)
    @action(detail=True, methods=["post"])
    def archive(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Put it away; its files stay."""
        row = self.get_object()
        lifecycle.archive(workspace=row, by=self.actor, now=self.now, reason=self.body(Reason)["reason"])
        return self.respond(row)

    @extend_schema(request=TemplateName, responses={201: SavedTemplate})
    @action(detail=True, methods=["post"], url_path="save-as-template")
    def save_as_template(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Make a template of it: its work, the skeleton of its feedback, nothing that a run may have planted."""
        row = self.get_object()
        name = self.body(TemplateName)["name"]
        saved = save_as_template(workspace=row, name=name, owner=self.user, by=self.actor, now=self.now)
        shown: dict[str, Any] = {**TemplateSerializer(saved.template).data, "left_out": saved.left_out}
        return Response(shown, status=201)

    @extend_schema(responses=ContextFileSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def context(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """The manifest of what was known when it was made."""
        rows = context_visible_to(user=self.user, workspace=self.get_object())
        return self.page_of(rows, ContextFileSerializer, keyset="id")

    @extend_schema(operation_id="workspaces_files_list", responses=ListingSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def files(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What lies in the workspace."""
        return Response(listing(files.root_of(self.get_object())))

    @extend_schema(parameters=RANGE, responses=CONTENT, filters=False)
    def file(self, request: Request, pk: str, path: str) -> HttpResponse:  # noqa: ARG002
        """A file's bytes."""
        return content(request, files.root_of(self.get_object()), path)
