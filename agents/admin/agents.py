"""Agents, their runs, messages and wishes about them, in the admin."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act
from accounts.admin.base import RoleAdmin, RoleInline
from accounts.admin.columns import status_column
from accounts.operations import Operation
from agents.models import Agent, AgentIntent, AgentMessage, AgentRun
from agents.services import intents
from dct_site.kernel.statuswords import Kind


def _stop(row: Agent, by: Actor, now: datetime) -> bool:
    return intents.stop(agent=row, by=by, now=now, reason=f"Stopped by {by.label}.") is not None


class RunInline(RoleInline):
    model = AgentRun
    shown = ("epoch", "status", "owner", "sandbox", "exit_code", "end_reason", "started_at", "ended_at")


class IntentInline(RoleInline):
    model = AgentIntent
    shown = ("kind", "status", "reason", "by", "at", "settled_at")


@admin.register(Agent)
class AgentAdmin(RoleAdmin):
    """Agents in workspaces."""

    page = "agent"
    list_display = ("id", "profile", "workspace", "state", "attempt", "run_count", "created_at", "ended_at")
    list_filter = ("status",)
    list_select_related = ("profile", "workspace")
    numbers = ("id", "workspace_id")
    shown = (
        "profile",
        "workspace",
        "start",
        "replaces",
        "criteria",
        "status",
        "reason",
        "waits_for",
        "attempt",
        "rounds",
        "restored_from",
        "next_epoch",
        "claims_done_at",
        "not_before",
        "deadline_at",
        "created_at",
        "started_at",
        "ended_at",
    )
    inlines = (RunInline, IntentInline)
    actions = (
        act("Stop", Operation.CONTROL_AGENTS, _stop, done="asked to stop", already="ended or asked to stop already"),
    )
    state = status_column(Kind.AGENT)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).defer("checkpoint")
        counted: QuerySet[Any] = rows.annotate(runs_made=Count("runs", distinct=True))
        return counted

    @admin.display(description="runs")
    def run_count(self, row: Any) -> int:
        return int(row.runs_made)


@admin.register(AgentRun)
class AgentRunAdmin(RoleAdmin):
    """Supervised processes."""

    list_display = ("id", "agent_id", "epoch", "status", "owner", "exit_code", "end_reason", "started_at", "ended_at")
    list_filter = ("status",)
    numbers = ("id", "agent_id")
    shown = (
        "agent",
        "epoch",
        "status",
        "owner",
        "lease_until",
        "pid",
        "sandbox",
        "exit_code",
        "end_reason",
        "output_bytes",
        "last_message_seq",
        "tokens",
        "money",
        "began_at",
        "started_at",
        "ended_at",
    )


@admin.register(AgentMessage)
class AgentMessageAdmin(RoleAdmin):
    """Conversations, line by line."""

    viewing = Operation.VIEW_RAW
    list_display = ("id", "agent_id", "seq", "kind", "at")
    numbers = ("id", "agent_id")
    shown = ("agent_id", "run_id", "seq", "kind", "text", "data", "at")
    ordering = ("-id",)


@admin.register(AgentIntent)
class AgentIntentAdmin(RoleAdmin):
    """What was wished about agents."""

    list_display = ("id", "agent_id", "kind", "status", "by", "at", "settled_at")
    list_filter = ("kind", "status")
    numbers = ("id", "agent_id")
    shown = ("agent", "kind", "status", "reason", "by", "at", "settled_at")
    ordering = ("-id",)
