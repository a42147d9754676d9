"""What is kept of stopped and replaced agents, and for how long, in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act
from accounts.admin.base import RoleAdmin
from accounts.operations import Operation
from agents.models import ConversationPart, ObsoleteAgentRecord, RecordRule
from agents.selectors.records import BODIES
from agents.services.record_rules import BOUNDS, change_rule, pin, unpin
from agents.services.restoring import restore


def _restore(row: ObsoleteAgentRecord, by: Actor, now: datetime) -> bool:
    return restore(record=row, by=by, now=now).pk is not None


def _pin(row: ObsoleteAgentRecord, by: Actor, now: datetime) -> bool:
    return pin(record=row, by=by, now=now)


def _unpin(row: ObsoleteAgentRecord, by: Actor, now: datetime) -> bool:
    return unpin(record=row, by=by, now=now)


@admin.register(ObsoleteAgentRecord)
class ObsoleteAgentRecordAdmin(RoleAdmin):
    """Stopped and replaced agents; what they said is read on the page of each."""

    page = "record"
    list_display = (
        "id",
        "agent_id",
        "workspace",
        "reason",
        "by_label",
        "message_count",
        "at",
        "pinned_at",
        "purged_at",
    )
    list_select_related = ("workspace",)
    numbers = ("id", "agent_id", "workspace_id")
    shown = (
        "agent",
        "workspace",
        "profile",
        "reason",
        "by_label",
        "message_count",
        "conversation_size",
        "change_count",
        "is_changes_cut",
        "stored_bytes",
        "at",
        "pinned_at",
        "pinned_by",
        "purged_at",
    )
    actions = (
        act("Restore", Operation.CONTROL_AGENTS, _restore, done="restored"),
        act("Pin", Operation.CONTROL_AGENTS, _pin, done="pinned", already="pinned already or no longer kept"),
        act("Unpin", Operation.CONTROL_AGENTS, _unpin, done="unpinned", already="not pinned"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*BODIES)


@admin.register(ConversationPart)
class ConversationPartAdmin(RoleAdmin):
    """Pieces of long conversations that are kept compressed: which messages each holds."""

    viewing = Operation.VIEW_RAW
    list_display = ("id", "agent_id", "first_seq", "last_seq", "size", "stored_bytes")
    numbers = ("id", "agent_id")
    shown = ("agent", "first_seq", "last_seq", "count", "size", "stored_bytes")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")


@admin.register(RecordRule)
class RecordRuleAdmin(RoleAdmin):
    """How long records are kept: everywhere, and for templates and workspaces with rules of their own."""

    changing = Operation.SET_LIMITS
    list_display = ("__str__", "workspace", "template", *BOUNDS)
    list_select_related = ("workspace", "template")
    numbers = ("id", "workspace_id", "template_id")
    shown = ("workspace", "template", "is_default", *BOUNDS, "swept_at", "version")
    fields_to_change = tuple(BOUNDS)
    ordering = ("id",)

    def change(
        self, request: HttpRequest, row: RecordRule, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> RecordRule:
        if not values:
            return row
        scope = row.workspace or row.template
        return change_rule(scope=scope, by=by, now=now, version=row.version, **values)
