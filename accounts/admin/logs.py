"""Audit, journal, signs of life and kept answers: to look at, never to change."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import RoleAdmin
from accounts.models import AuditEntry, Heartbeat, IdempotencyKey, JournalEntry
from accounts.operations import Operation


@admin.register(AuditEntry)
class AuditEntryAdmin(RoleAdmin):
    """Who changed what."""

    viewing = Operation.READ_AUDIT
    list_display = ("at", "actor_label", "via", "action", "kind", "object_id", "object_label")
    list_filter = ("via",)
    numbers = ("id", "object_id")
    search_fields = ("kind__exact", "action__startswith", "actor_label__exact")
    shown = (
        "at",
        "actor_label",
        "via",
        "action",
        "kind",
        "object_id",
        "object_label",
        "before",
        "after",
        "position",
        "previous_hash",
        "hash",
    )


@admin.register(JournalEntry)
class JournalEntryAdmin(RoleAdmin):
    """Every move of a status."""

    viewing = Operation.TRIAGE
    list_display = ("id", "at", "kind", "object_id", "came_from", "to", "reason", "by")
    list_filter = ("kind",)
    numbers = ("id", "object_id")
    shown = ("at", "kind", "object_id", "came_from", "to", "reason", "by", "refs")


@admin.register(Heartbeat)
class HeartbeatAdmin(RoleAdmin):
    """The processes that are alive."""

    viewing = Operation.TRIAGE
    list_display = ("role", "owner", "at")
    shown = ("role", "owner", "at", "facts")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(RoleAdmin):
    """Answers kept for repeated calls; what was answered is its caller's and is not shown."""

    viewing = Operation.MANAGE_PEOPLE
    list_display = ("id", "user", "route", "key", "response_status", "created_at")
    list_select_related = ("user",)
    search_fields = ("key__exact",)
    shown = ("user", "route", "key", "response_status", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[IdempotencyKey]:
        return super().get_queryset(request).defer("response_body", "response_headers")
