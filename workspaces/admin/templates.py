"""Workspace templates in the admin; their files are put in on the product's pages or through the API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act
from accounts.admin.base import RoleAdmin, RoleInline, person
from accounts.operations import Operation
from workspaces.enums import ContextRefreshMode
from workspaces.models import TemplateContext, WorkspaceTemplate
from workspaces.services import templates

_EDIT = Operation.EDIT_WORKSPACES


def _archive(row: WorkspaceTemplate, by: Actor, now: datetime) -> bool:
    if row.is_archived:
        return False
    templates.archive(template=row, by=by, now=now)
    return True


class ContextInline(RoleInline):
    model = TemplateContext
    shown = ("path", "kind", "item", "text")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("item")


@admin.register(WorkspaceTemplate)
class WorkspaceTemplateAdmin(RoleAdmin):
    """What is cloned."""

    adding = changing = _EDIT
    list_display = ("name", "owner", "context_refresh_mode", "is_archived", "clones", "updated_at")
    list_filter = ("is_archived", "context_refresh_mode")
    list_select_related = ("owner",)
    search_fields = ("name__icontains",)
    shown = (
        "name",
        "description",
        "title_pattern",
        "context_refresh_mode",
        "options",
        "owner",
        "is_archived",
        "directory",
        "version",
        "created_at",
        "updated_at",
    )
    fields_to_add = fields_to_change = ("name", "description", "title_pattern", "context_refresh_mode", "options")
    inlines = (ContextInline,)
    actions = (act("Archive", _EDIT, _archive, done="archived"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(clone_count=Count("workspaces", distinct=True))
        return counted

    @admin.display(description="workspaces")
    def clones(self, row: Any) -> int:
        return int(row.clone_count)

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> WorkspaceTemplate:
        return templates.create(owner=person(request), by=by, now=now, **_fields(values))

    def change(
        self, request: HttpRequest, row: WorkspaceTemplate, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> WorkspaceTemplate:
        return templates.update(template=row, version=row.version, by=by, now=now, **_fields(values))


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(values)
    if "context_refresh_mode" in fields:
        fields["context_refresh_mode"] = ContextRefreshMode(fields["context_refresh_mode"])
    if fields.get("options", {}) is None:
        fields["options"] = {}
    if not isinstance(fields.get("options", {}), dict):
        raise templates.BadTemplate({"options": "Options are an object of names and values."})
    return fields


@admin.register(TemplateContext)
class TemplateContextAdmin(RoleAdmin):
    """Files that every clone of a template gets."""

    list_display = ("path", "template", "kind", "item")
    list_select_related = ("template", "item")
    numbers = ("id", "template_id", "item_id")
    shown = ("template", "path", "kind", "item", "text")
