"""Revisions of triggers and how they stood, in the admin: snapshots, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import RoleAdmin, RoleInline
from triggers.models import TriggerRevision, TriggerStanding


class RevisionInline(RoleInline):
    model = TriggerRevision
    shown = ("number", "note", "created_by", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("created_by")


@admin.register(TriggerRevision)
class TriggerRevisionAdmin(RoleAdmin):
    """Immutable snapshots."""

    list_display = ("id", "trigger", "number", "note", "created_by", "created_at")
    list_select_related = ("trigger", "created_by")
    numbers = ("id", "trigger_id")
    shown = ("trigger", "number", "schema_version", "document", "note", "created_by", "created_at")
    ordering = ("-id",)


@admin.register(TriggerStanding)
class TriggerStandingAdmin(RoleAdmin):
    """How triggers stood from one generation on."""

    list_display = ("id", "trigger", "generation", "status", "revision", "at")
    list_filter = ("status",)
    list_select_related = ("trigger", "revision")
    numbers = ("id", "trigger_id", "generation")
    shown = ("trigger", "generation", "status", "revision", "at")
    ordering = ("-id",)
