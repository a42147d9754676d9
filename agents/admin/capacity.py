"""Limits, the queue for starts and the slots in use, in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin
from accounts.operations import Operation
from agents.models import Limits, SlotHolder, StartRequest
from agents.services.admission import pause_all, resume_all, update_limits
from agents.services.admission.limits import BOUNDS

_LIMITS = Operation.SET_LIMITS


def _pause(is_paused: bool) -> Do:
    def do(row: Limits, by: Actor, now: datetime) -> bool:
        if row.is_paused == is_paused:
            return False
        (pause_all if is_paused else resume_all)(by=by, now=now)
        return True

    return do


@admin.register(Limits)
class LimitsAdmin(RoleAdmin):
    """The one row of limits."""

    changing = _LIMITS
    list_display = ("__str__", "reserved_percent", "reserved_from_priority", "is_paused")
    fields_to_change = tuple(BOUNDS)
    shown = (*BOUNDS, "is_paused", "paused_by", "paused_at", "pause_reason", "version")
    actions = (
        act("Pause every start", _LIMITS, _pause(True), done="paused"),
        act("Resume starts", _LIMITS, _pause(False), done="resumed", already="not paused"),
    )

    def change(
        self, request: HttpRequest, row: Limits, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> Limits:
        return update_limits(by=by, now=now, version=row.version, **values) if values else row


@admin.register(StartRequest)
class StartRequestAdmin(RoleAdmin):
    """Wishes for capacity."""

    viewing = Operation.TRIAGE
    list_display = ("id", "kind", "subject_id", "status", "priority", "reason", "queued_at", "admitted_at")
    list_filter = ("status", "kind", "priority")
    numbers = ("id", "subject_id")
    shown = (
        "kind",
        "subject_id",
        "status",
        "reason",
        "priority",
        "agents",
        "workspaces",
        "concurrency_key",
        "key_limit",
        "per_hour",
        "per_day",
        "item_key",
        "item_limit",
        "connection_key",
        "is_in_turn",
        "parked_for",
        "is_resumed",
        "backlog_turn",
        "refs",
        "queued_at",
        "not_before",
        "expires_at",
        "admitted_at",
    )
    ordering = ("-id",)


@admin.register(SlotHolder)
class SlotHolderAdmin(RoleAdmin):
    """Slots in use."""

    viewing = Operation.TRIAGE
    list_display = ("id", "pool", "start", "units", "is_reserved_class", "taken_at")
    list_filter = ("pool",)
    list_select_related = ("start",)
    numbers = ("id", "start_id")
    shown = ("pool", "start", "units", "is_reserved_class", "is_backlog", "taken_at")
    ordering = ("-id",)
