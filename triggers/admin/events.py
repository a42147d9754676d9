"""Events, decisions and firings in the admin: history, with replay."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act
from accounts.admin.base import RoleAdmin, RoleInline, person
from accounts.admin.columns import status_column
from accounts.operations import Operation
from accounts.permissions import may
from dct_site.kernel.statuswords import Kind
from triggers.models import Decision, Event, Firing, SeenChange
from triggers.services.replays.event import replay


def _replay(row: Event, by: Actor, now: datetime) -> bool:
    replay(event=row, trigger=None, by=by, now=now)
    return True


class DecisionInline(RoleInline):
    model = Decision
    fk_name = "event"
    shown = ("trigger", "outcome", "suppressed_by", "detail", "at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("trigger")


@admin.register(Event)
class EventAdmin(RoleAdmin):
    """Normalised changes."""

    page = "event"
    list_display = ("id", "type", "subject", "actor", "origin", "connection", "trust_tier", "accepted_at")
    list_filter = ("source", "origin", "trust_tier", "is_late")
    list_select_related = ("connection",)
    numbers = ("id", "item_id", "delivery_id", "connection_id")
    shown = (
        "type",
        "subject",
        "actor",
        "time",
        "connection",
        "item",
        "delivery_id",
        "external_id",
        "source",
        "origin",
        "trust_tier",
        "changes",
        "before",
        "item_version",
        "change_key",
        "is_late",
        "hop",
        "replay_of",
        "target_trigger_id",
        "generation",
        "accepted_at",
        "decided_at",
        "purged_at",
        "facts",
        "data",
    )
    inlines = (DecisionInline,)
    actions = (act("Replay", Operation.FIRE, _replay, done="replayed"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("data", "facts", "before", "changes")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fields(request, obj)
        is_open = obj is not None and may(person(request), Operation.VIEW_RAW, obj)
        return [name for name in found if is_open or name not in ("facts", "data")]


@admin.register(Decision)
class DecisionAdmin(RoleAdmin):
    """Answers with their reasons."""

    list_display = ("id", "trigger", "event", "answer", "suppressed_by", "detail", "at")
    list_filter = ("outcome", "suppressed_by")
    list_select_related = ("trigger", "event")
    numbers = ("id", "trigger_id", "event_id")
    shown = (
        "event",
        "trigger",
        "revision",
        "outcome",
        "suppressed_by",
        "until",
        "detail",
        "because",
        "facts",
        "generation",
        "at",
        "purged_at",
    )
    answer = status_column(Kind.DECISION, "outcome")


@admin.register(Firing)
class FiringAdmin(RoleAdmin):
    """One event fired one trigger, once."""

    list_display = ("id", "trigger", "event", "execution", "role")
    list_filter = ("role",)
    list_select_related = ("trigger", "event", "execution")
    numbers = ("id", "trigger_id", "event_id", "execution_id")
    shown = ("trigger", "event", "execution", "role")
    ordering = ("-id",)


@admin.register(SeenChange)
class SeenChangeAdmin(RoleAdmin):
    """Changes that were seen, by their meaning."""

    viewing = Operation.TRIAGE
    list_display = ("id", "connection_id", "change_key", "event_id", "seen_at")
    numbers = ("id", "connection_id", "event_id")
    shown = ("connection_id", "change_key", "event_id", "seen_at")
    ordering = ("-id",)
