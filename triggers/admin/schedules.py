"""Schedules, what became of their slots, and the calendars they rest by, in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin
from accounts.admin.columns import status_column
from accounts.operations import Operation
from dct_site.kernel.clock import utcnow
from dct_site.kernel.statuswords import Kind
from triggers.models import Schedule, ScheduleSlot, SkipCalendar
from triggers.schedules.settings import FIELDS
from triggers.services import listeners, schedules

_LISTEN = Operation.PUBLISH_TRIGGERS
NOTES = {
    "": "",
    "moved": "the clock leaps over its time; it runs right after",
    "once": "its time comes twice; it runs at the first",
    "change_day": "the clock is changed on that day",
}


def _switch(service: Any) -> Do:
    def do(row: Schedule, by: Actor, now: datetime) -> bool:
        before = row.listener.status
        return bool(service(listener=row.listener, by=by, now=now).status != before)

    return do


def _delete(row: Schedule, by: Actor, now: datetime) -> bool:
    was_there = row.deleted_at is None
    schedules.delete_schedule(schedule=row, by=by, now=now)
    return was_there


@admin.register(Schedule)
class ScheduleAdmin(RoleAdmin):
    """When the clock is heard; the next five runs stand below the settings."""

    changing = _LISTEN
    list_display = ("id", "name", "cron", "every_s", "timezone", "status_word", "next_at", "misfire", "deleted_at")
    list_filter = ("misfire",)
    list_select_related = ("listener__item", "listener__connection")
    numbers = ("id", "listener_id")
    fields_to_change = FIELDS
    shown = (
        "listener",
        *FIELDS,
        "calendar_names",
        "next_runs",
        "next_at",
        "deleted_at",
        "mark_at",
        "mark_key",
        "anchor_at",
        "version",
        "created_at",
        "updated_at",
    )
    ordering = ("-id",)
    actions = (
        act("Pause", _LISTEN, _switch(listeners.pause_listener), done="paused"),
        act("Resume", _LISTEN, _switch(listeners.resume_listener), done="resumed", already="not paused"),
        act("Delete", _LISTEN, _delete, done="deleted"),
    )

    @admin.display(description="name")
    def name(self, row: Schedule) -> str:
        return str(row.listener.item)

    @admin.display(description="status")
    def status_word(self, row: Schedule) -> str:
        return row.listener.get_status_display()

    @admin.display(description="calendars")
    def calendar_names(self, row: Schedule) -> str:
        return ", ".join(calendar.name for calendar in row.calendars.all()) or "none"

    @admin.display(description="next five runs")
    def next_runs(self, row: Schedule) -> str:
        runs = schedules.coming(row, now=utcnow()).runs
        lines = (f"{run.local:%a %Y-%m-%d %H:%M:%S %Z}" + (f" ({NOTES[run.note]})" if run.note else "") for run in runs)
        return "; ".join(lines) or "none any more"

    def change(
        self, request: HttpRequest, row: Schedule, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> Schedule:
        return schedules.change_schedule(schedule=row, by=by, now=now, version=row.version, **values)


@admin.register(ScheduleSlot)
class ScheduleSlotAdmin(RoleAdmin):
    """What became of each slot."""

    list_display = ("id", "schedule", "slot_at", "key", "state", "count", "is_made_up", "settled_at")
    list_filter = ("status", "is_made_up")
    list_select_related = ("schedule",)
    numbers = ("id", "schedule_id", "delivery_id")
    shown = (
        "schedule",
        "slot_at",
        "key",
        "status",
        "is_made_up",
        "count",
        "last_at",
        "reason",
        "delivery_id",
        "settled_at",
    )
    ordering = ("-id",)
    state = status_column(Kind.SLOT)


@admin.register(SkipCalendar)
class SkipCalendarAdmin(RoleAdmin):
    """Named lists of days on which schedules rest."""

    changing = _LISTEN
    list_display = ("name", "connection", "version", "updated_at")
    list_select_related = ("connection",)
    numbers = ("id", "connection_id")
    fields_to_change = ("name", "days")
    shown = ("connection", "name", "days", "version", "created_at", "updated_at")
    ordering = ("-id",)

    def change(
        self, request: HttpRequest, row: SkipCalendar, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> SkipCalendar:
        return schedules.change_calendar(calendar=row, by=by, now=now, version=row.version, **values)
