"""Listeners in the admin: their health, paused and polled by hand."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import act, changes
from accounts.admin.base import RoleAdmin
from accounts.admin.columns import status_column
from accounts.operations import Operation
from dct_site.kernel.statuswords import Kind
from triggers.models import ContextListener, RevisionListener, TriggerListener
from triggers.selectors.listeners import heard_at
from triggers.services import listeners

_LISTEN = Operation.PUBLISH_TRIGGERS


def _poll(row: ContextListener, by: Actor, now: datetime) -> bool:
    listeners.poll_now(listener=row, by=by, now=now)
    return True


@admin.register(ContextListener)
class ContextListenerAdmin(RoleAdmin):
    """How items and connections are watched."""

    list_display = ("id", "connection", "item", "listener_type", "state", "last_checked", "next_due_at", "failures")
    list_filter = ("listener_type", "status")
    list_select_related = ("connection", "item")
    numbers = ("id", "connection_id", "item_id")
    shown = (
        "connection",
        "item",
        "listener_type",
        "status",
        "status_reason",
        "polling_interval_ms",
        "last_checked",
        "heard_at",
        "next_due_at",
        "failures",
        "version",
        "created_at",
    )
    ordering = ("-id",)
    actions = (
        act("Pause", _LISTEN, changes(listeners.pause_listener, "listener"), done="paused"),
        act("Resume", _LISTEN, changes(listeners.resume_listener, "listener"), done="resumed", already="not paused"),
        act("Poll now", _LISTEN, _poll, done="polled at the next chance"),
    )
    state = status_column(Kind.LISTENER)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(heard=heard_at("connection_id"))
        return rows

    @admin.display(description="last event of its connection")
    def heard_at(self, row: ContextListener) -> datetime | None:
        return row.heard  # type: ignore[attr-defined, no-any-return]


@admin.register(TriggerListener)
class TriggerListenerAdmin(RoleAdmin):
    """What published triggers listen to."""

    viewing = Operation.TRIAGE
    list_display = ("id", "trigger", "listener")
    list_select_related = ("trigger", "listener")
    numbers = ("id", "trigger_id", "listener_id")
    shown = ("trigger", "listener")
    ordering = ("-id",)


@admin.register(RevisionListener)
class RevisionListenerAdmin(RoleAdmin):
    """What revisions listened to."""

    viewing = Operation.TRIAGE
    list_display = ("id", "revision", "listener")
    list_select_related = ("revision", "listener")
    numbers = ("id", "revision_id", "listener_id")
    shown = ("revision", "listener")
    ordering = ("-id",)
