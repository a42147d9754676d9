"""Executions, their steps and attempts in the admin: cancelled and retried, never edited."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act, changes
from accounts.admin.base import RoleAdmin, RoleInline
from accounts.admin.columns import status_column
from accounts.operations import Operation
from dct_site.kernel.statuswords import Kind
from triggers.models import Attempt, Execution, ExecutionStep, Firing
from triggers.selectors.failures import OF_EXECUTIONS, failed_at
from triggers.services import executions


def _retry(row: Execution, by: Actor, now: datetime) -> bool:
    executions.retry(execution=row, by=by, now=now)
    return True


class StepInline(RoleInline):
    model = ExecutionStep
    shown = ("name", "status", "started_at", "ended_at", "error")


class AttemptInline(RoleInline):
    model = Attempt
    shown = ("number", "started_at", "ended_at", "outcome", "error")


class FiringInline(RoleInline):
    model = Firing
    shown = ("event", "role")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("event")


class FailureFilter(admin.SimpleListFilter):
    """Where it failed."""

    title = "where it failed"
    parameter_name = "failure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.value, one.label) for one in OF_EXECUTIONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return failed_at(queryset, [value]) if value in OF_EXECUTIONS else queryset


@admin.register(Execution)
class ExecutionAdmin(RoleAdmin):
    """Pieces of work that firings asked for."""

    page = "execution"
    list_display = ("id", "trigger", "state", "attention", "priority", "attempt", "workspace", "queued_at", "ended_at")
    list_filter = ("status", FailureFilter, "attention", "priority")
    list_select_related = ("trigger", "workspace")
    numbers = ("id", "trigger_id", "event_id", "workspace_id")
    shown = (
        "trigger",
        "revision",
        "event",
        "event_count",
        "replaced_by",
        "item_id_at_start",
        "start",
        "workspace",
        "matching",
        "news",
        "status",
        "attention",
        "reason",
        "priority",
        "attempt",
        "max_attempts",
        "epoch",
        "lease_owner",
        "lease_until",
        "takeovers",
        "queued_at",
        "not_before",
        "expires_at",
        "started_at",
        "deadline_at",
        "ended_at",
        "dead_lettered_at",
    )
    inlines = (StepInline, AttemptInline, FiringInline)
    actions = (
        act("Cancel", Operation.FIRE, changes(executions.cancel, "execution"), done="cancelled"),
        act("Retry", Operation.FIRE, _retry, done="asked for again"),
    )
    state = status_column(Kind.EXECUTION)


@admin.register(ExecutionStep)
class ExecutionStepAdmin(RoleAdmin):
    """Steps of executions."""

    list_display = ("id", "execution", "name", "status", "started_at", "ended_at", "error")
    list_filter = ("name", "status")
    list_select_related = ("execution",)
    numbers = ("id", "execution_id")
    shown = ("execution", "name", "position", "status", "started_at", "ended_at", "error")
    ordering = ("-id",)


@admin.register(Attempt)
class AttemptAdmin(RoleAdmin):
    """Tries at executions."""

    list_display = ("id", "execution", "number", "outcome", "started_at", "ended_at", "error")
    list_filter = ("outcome",)
    list_select_related = ("execution",)
    numbers = ("id", "execution_id")
    shown = ("execution", "number", "started_at", "ended_at", "outcome", "error")
    ordering = ("-id",)
