"""Workspaces in the admin: renamed and archived; everything else happens to them by their executions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act, changes
from accounts.admin.base import RoleAdmin, RoleInline
from accounts.admin.columns import status_column
from accounts.operations import Operation
from dct_site.kernel.statuswords import Kind
from workspaces.models import ContextFile, Workspace
from workspaces.services import lifecycle

_EDIT = Operation.EDIT_WORKSPACES


class ContextFileInline(RoleInline):
    model = ContextFile
    shown = ("path", "kind", "item_version", "size", "trust_tier", "written_at")
    verbose_name_plural = "what was known"


@admin.register(Workspace)
class WorkspaceAdmin(RoleAdmin):
    """Clones of templates."""

    changing = _EDIT
    page = "workspace"
    list_display = ("id", "title", "state", "owner", "template", "item", "created_at")
    list_filter = ("status", "trust_tier")
    list_select_related = ("owner", "template", "item")
    numbers = ("id", "item_id")
    search_fields = ("title__icontains",)
    shown = (
        "title",
        "status",
        "template",
        "item",
        "owner",
        "origin",
        "directory",
        "context_refresh_mode",
        "trust_tier",
        "options",
        "version",
        "created_at",
        "activated_at",
        "closed_at",
    )
    fields_to_change = ("title",)
    inlines = (ContextFileInline,)
    actions = (act("Archive", _EDIT, changes(lifecycle.archive, "workspace"), done="archived"),)
    state = status_column(Kind.WORKSPACE)

    def change(
        self, request: HttpRequest, row: Workspace, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> Workspace:
        if "title" not in values:
            return row
        return lifecycle.rename(workspace=row, title=values["title"], version=row.version, by=by, now=now)


@admin.register(ContextFile)
class ContextFileAdmin(RoleAdmin):
    """The manifest of what workspaces were told."""

    list_display = ("path", "workspace", "kind", "item", "size", "trust_tier", "written_at")
    list_select_related = ("workspace", "item")
    list_filter = ("kind", "trust_tier")
    numbers = ("id", "workspace_id", "item_id")
    shown = ("workspace", "path", "kind", "item", "item_version", "size", "checksum", "trust_tier", "written_at")
    ordering = ("-id",)
