"""Checks and their verdicts in the admin."""

from django.contrib import admin

from accounts.admin.base import RoleAdmin, RoleInline
from accounts.admin.columns import status_column
from dct_site.kernel.statuswords import Kind
from deliverables.models import Check


class CheckInline(RoleInline):
    model = Check
    shown = ("rule", "status", "expected", "found", "checked_at")


@admin.register(Check)
class CheckAdmin(RoleAdmin):
    """The latest verdict of each rule."""

    list_display = ("id", "deliverable", "rule", "state", "expected", "found", "checked_at")
    list_filter = ("status",)
    list_select_related = ("deliverable",)
    numbers = ("id", "deliverable_id")
    shown = ("deliverable", "rule", "status", "expected", "found", "position", "checked_at")
    ordering = ("-id",)
    state = status_column(Kind.CHECK)
