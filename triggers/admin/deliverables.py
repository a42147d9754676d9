"""Deliverables in the admin: to look at, and to waive with a reason."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.base import RoleAdmin
from accounts.admin.columns import status_column
from accounts.admin.forms import ServiceForm
from accounts.operations import Operation
from dct_site.kernel.statuswords import Kind
from deliverables.admin.checks import CheckInline
from deliverables.models import Deliverable
from triggers.services import attention


class WaiverForm(ServiceForm):
    """The reason is the only thing that a person writes on a deliverable."""

    paths = {"reason": "waive_reason"}

    class Meta:
        model = Deliverable
        fields = ("waive_reason",)
        help_texts = {"waive_reason": "Write why, and save: the deliverable is no longer asked for."}


@admin.register(Deliverable)
class DeliverableAdmin(RoleAdmin):
    """Required outputs."""

    changing = Operation.WAIVE
    form = WaiverForm
    list_display = ("id", "name", "kind", "target", "is_required", "state", "workspace", "checked_at")
    list_filter = ("status", "kind", "is_required")
    list_select_related = ("workspace",)
    numbers = ("id", "workspace_id")
    shown = (
        "workspace",
        "name",
        "kind",
        "target",
        "rules",
        "is_required",
        "status",
        "baseline_checksum",
        "deadline_at",
        "checked_at",
        "waived_by",
        "waive_reason",
    )
    fields_to_change = ("waive_reason",)
    inlines = (CheckInline,)
    ordering = ("-id",)
    state = status_column(Kind.DELIVERABLE)

    def change(
        self, request: HttpRequest, row: Deliverable, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> Deliverable:
        if "waive_reason" not in values:
            return row
        return attention.waive(deliverable=row, reason=values["waive_reason"], by=by, now=now)
