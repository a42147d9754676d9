"""Replays in the admin: what deliveries repeat, and bulk replays; to be looked at, with how far they are."""

from django.contrib import admin

from accounts.admin.base import RoleAdmin
from accounts.admin.columns import status_column
from accounts.operations import Operation
from dct_site.kernel.statuswords import Kind
from triggers.models import BulkReplay, Replay


@admin.register(BulkReplay)
class BulkReplayAdmin(RoleAdmin):
    """Windows that are replayed at their own pace."""

    page = "bulk-replay"
    list_display = ("id", "kind", "state", "trigger", "total", "replayed", "skipped", "created_by", "created_at")
    list_filter = ("status", "kind")
    list_select_related = ("trigger", "created_by")
    numbers = ("id", "trigger_id")
    shown = (
        "kind",
        "status",
        "reason",
        "filters",
        "trigger",
        "revision",
        "is_draft",
        "priority",
        "concurrency",
        "total",
        "first_id",
        "last_id",
        "after_id",
        "replayed",
        "skipped",
        "skips",
        "created_by",
        "created_at",
        "ended_at",
    )
    ordering = ("-id",)
    state = status_column(Kind.BULK_REPLAY)


@admin.register(Replay)
class ReplayAdmin(RoleAdmin):
    """What deliveries repeat."""

    viewing = Operation.TRIAGE
    list_display = ("of", "event_id", "of_delivery_id", "as_of", "is_draft", "bulk")
    list_filter = ("is_draft",)
    list_select_related = ("bulk",)
    numbers = ("delivery_id", "event_id", "of_delivery_id", "bulk_id")
    shown = ("of", "event_id", "of_delivery_id", "as_of", "is_draft", "priority", "edited", "bulk", "is_under_way")
    ordering = ("-delivery_id",)

    @admin.display(description="delivery")
    def of(self, row: Replay) -> str:
        return f"delivery {row.delivery_id}"
