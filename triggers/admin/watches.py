"""Armed absences in the admin: to look at."""

from django.contrib import admin

from accounts.admin.base import RoleAdmin
from accounts.admin.columns import status_column
from dct_site.kernel.statuswords import Kind
from triggers.models import Watch


@admin.register(Watch)
class WatchAdmin(RoleAdmin):
    """What waits for its time to be up. Deciding arms and disarms; nobody else does."""

    list_display = ("id", "trigger", "item", "state", "armed_at", "due_at", "reason")
    list_filter = ("status",)
    list_select_related = ("trigger", "item")
    numbers = ("id", "trigger_id", "item_id", "armed_by_id")
    shown = (
        "trigger",
        "revision",
        "item",
        "condition",
        "status",
        "armed_by",
        "armed_at",
        "due_at",
        "ended_by",
        "ended_at",
        "delivery_id",
        "reason",
    )
    state = status_column(Kind.WATCH)
