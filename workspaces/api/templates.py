"""Workspace templates: their settings, the context that each clone gets, and their files."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.models import User
from accounts.operations import Operation
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import IdField, Input, LineField, ObjectField
from dct_site.kernel.rest.parsers import BytesParser
from workspaces import files
from workspaces.api.files import CONTENT, PATH, RANGE, ListingSerializer, content, listing
from workspaces.enums import ContextKind, ContextRefreshMode
from workspaces.models import TemplateContext, WorkspaceTemplate
from workspaces.selectors.library import items_visible_to
from workspaces.selectors.workspaces import templates_visible_to
from workspaces.services import templates
from workspaces.services.templates import ContextWish

CONTEXT_ROWS = 500


class ContextSerializer(serializers.ModelSerializer[TemplateContext]):
    """One file that every clone gets below ``context/``."""

    context_item_id = serializers.IntegerField(source="item_id", allow_null=True)

    class Meta:
        model = TemplateContext
        fields = ("path", "kind", "context_item_id", "text")
        read_only_fields = fields


class TemplateSerializer(serializers.ModelSerializer[WorkspaceTemplate]):
    """A workspace to clone."""

    owner = serializers.CharField(source="owner.username")
    context = ContextSerializer(many=True)  # type: ignore[assignment]

    class Meta:
        model = WorkspaceTemplate
        fields = (
            "id",
            "name",
            "description",
            "title_pattern",
            "context_refresh_mode",
            "options",
            "context",
            "owner",
            "owner_id",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ContextInput(Input):
    """One file to write into each clone: an item's state, or a fixed text."""

    path = LineField(max_length=200)
    kind = serializers.ChoiceField(choices=ContextKind.choices)
    context_item_id = IdField(required=False, allow_null=True, default=None)
    text = LineField(required=False, allow_blank=True, default="", trim_whitespace=False, max_length=256 * 1024)


class TemplateInput(Input):
    """What may be written of a template."""

    name = LineField(max_length=200)
    description = LineField(required=False, allow_blank=True, max_length=10_000)
    title_pattern = LineField(required=False, max_length=500)
    context_refresh_mode = serializers.ChoiceField(choices=ContextRefreshMode.choices, required=False)
    options = ObjectField(required=False)
    context = serializers.ListField(child=ContextInput(), required=False, max_length=CONTEXT_ROWS)  # type: ignore[assignment]


class TemplateFilter(filters.FilterSet):
    """Templates by owner and by a part of their name."""

    owner = IdFilter(field_name="owner_id")
    name = filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = WorkspaceTemplate
        fields = ("context_refresh_mode",)


class TemplateViewSet(ReadingViewSet):
    """Templates of workspaces."""

    queryset = WorkspaceTemplate.objects.all()
    serializer_class = TemplateSerializer
    filterset_class = TemplateFilter
    long_actions = frozenset({"create", "put_file", "delete_file"})
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "files": Operation.VIEW,
        "file": Operation.VIEW_RAW,
        "create": Operation.EDIT_WORKSPACES,
        "partial_update": Operation.EDIT_WORKSPACES,
        "destroy": Operation.EDIT_WORKSPACES,
        "put_file": Operation.EDIT_WORKSPACES,
        "delete_file": Operation.EDIT_WORKSPACES,
    }

    def rows(self) -> QuerySet[WorkspaceTemplate]:
        return templates_visible_to(user=self.user).prefetch_related("context")

    @extend_schema(request=TemplateInput, responses={201: TemplateSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a template; its files come afterwards."""
        wanted = self.body(TemplateInput)
        context = _wishes(wanted.pop("context", []), user=self.user)
        made = templates.create(**wanted, context=context, owner=self.user, by=self.actor, now=self.now)
        return self.respond(made, status=201)

    @extend_schema(request=TemplateInput, responses=TemplateSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Change it; ``context``, where given, replaces all of it."""
        row = self.object_for_change()
        wanted = self.body(TemplateInput, partial=True)
        context = _wishes(wanted.pop("context"), user=self.user) if "context" in wanted else None
        templates.update(template=row, version=row.version, context=context, by=self.actor, now=self.now, **wanted)
        return self.respond(self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Put it away: triggers that name it say so; workspaces made from it stay."""
        templates.archive(template=self.object_for_change(), by=self.actor, now=self.now)
        return Response(status=204)

    @extend_schema(operation_id="workspace_templates_files_list", responses=ListingSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def files(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What lies in the template."""
        return Response(listing(files.template_root(self.get_object())))

    @extend_schema(parameters=RANGE, responses=CONTENT, filters=False)
    def file(self, request: Request, pk: str, path: str) -> HttpResponse:  # noqa: ARG002
        """A file's bytes."""
        return content(request, files.template_root(self.get_object()), path)

    @extend_schema(parameters=[PATH], request={"application/octet-stream": OpenApiTypes.BINARY}, responses={204: None})
    def put_file(self, request: Request, pk: str, path: str) -> Response:  # noqa: ARG002
        """Write a file below ``work/`` or ``feedback/``; the body is its content."""
        data: Any = request.data
        raw = data if isinstance(data, bytes) else b""
        templates.put_file(template=self.get_object(), path=path, content=raw, by=self.actor, now=self.now)
        return Response(status=204)

    @extend_schema(parameters=[PATH], responses={204: None})
    def delete_file(self, request: Request, pk: str, path: str) -> Response:  # noqa: ARG002
        """Remove a file; one that is not there is a 404."""
        template = self.get_object()
        if not templates.delete_file(template=template, path=path, by=self.actor, now=self.now):
            raise files.Missing(f"{path} does not exist.")
        return Response(status=204)

    def get_parsers(self) -> list[Any]:
        method = getattr(self, "action_map", None) or {}
        return [BytesParser()] if "put_file" in method.values() else super().get_parsers()


def _wishes(rows: Sequence[dict[str, Any]], *, user: User) -> list[ContextWish]:
    """The context rows; an item that the user may not see is refused like one that does not exist."""
    wanted = {row["context_item_id"] for row in rows if row["context_item_id"] is not None}
    items = items_visible_to(user=user).in_bulk(wanted)
    if missing := wanted - items.keys():
        told = f"There is no card {min(missing)}, or you may not see it."
        raise serializers.ValidationError({"context": [told]}, code="not_found")
    return [
        ContextWish(
            path=row["path"],
            kind=ContextKind(row["kind"]),
            item=items.get(row["context_item_id"]) if row["context_item_id"] else None,
            text=row["text"],
        )
        for row in rows
    ]
