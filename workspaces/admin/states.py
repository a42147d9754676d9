"""The history of items' states in the admin."""

from django.contrib import admin

from accounts.admin.base import RoleAdmin
from workspaces.models import ItemState


@admin.register(ItemState)
class ItemStateAdmin(RoleAdmin):
    """States that items were in."""

    list_display = ("id", "item", "version", "event_id", "trust_tier", "at")
    list_select_related = ("item",)
    list_filter = ("trust_tier",)
    numbers = ("id", "item_id", "event_id")
    shown = ("item", "version", "state", "changes", "upstream_version", "event_id", "trust_tier", "at")
    ordering = ("-id",)
