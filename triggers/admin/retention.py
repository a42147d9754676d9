"""How long things are kept, in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.base import RoleAdmin
from accounts.operations import Operation
from triggers.models import Retention
from triggers.models.retention import DEFAULT_DAYS
from triggers.services.keeping.retention import change_retention


@admin.register(Retention)
class RetentionAdmin(RoleAdmin):
    """What holds everywhere, and for connections with days of their own."""

    changing = Operation.SET_LIMITS
    list_display = ("__str__", "connection", *DEFAULT_DAYS)
    list_select_related = ("connection",)
    numbers = ("id", "connection_id")
    shown = ("connection", "is_default", *DEFAULT_DAYS, "swept_at", "cleared_at", "version")
    fields_to_change = tuple(DEFAULT_DAYS)
    ordering = ("id",)

    def change(
        self, request: HttpRequest, row: Retention, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> Retention:
        if not values:
            return row
        return change_retention(connection=row.connection, by=by, now=now, version=row.version, **values)
