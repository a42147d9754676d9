"""Erasures in the admin: that something was taken away, by whom and how far; not what."""

from django.contrib import admin

from accounts.admin.base import RoleAdmin
from accounts.admin.columns import status_column
from accounts.operations import Operation
from dct_site.kernel.statuswords import Kind
from triggers.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(RoleAdmin):
    """What was erased."""

    viewing = Operation.ERASE
    page = "erasure"
    list_display = ("id", "kind", "state", "total", "done", "created_by", "created_at", "ended_at")
    list_filter = ("status", "kind")
    list_select_related = ("created_by",)
    numbers = ("id", "item_id")
    shown = (
        "kind",
        "status",
        "item_id",
        "connection_id",
        "digest",
        "with_files",
        "total",
        "done",
        "counts",
        "waits_for",
        "created_by",
        "created_at",
        "ended_at",
    )
    ordering = ("-id",)
    state = status_column(Kind.ERASURE)
