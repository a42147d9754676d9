"""Schedules, their slots, and the calendars by which they rest."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Connection
from triggers.enums import MisfirePolicy, SlotStatus
from triggers.models.listener import ContextListener
from triggers.schedules.settings import DEFAULT_GRACE_S, Settings


class SkipCalendar(models.Model):
    """Days on which every schedule that names it rests, one a line (`triggers.schedules.days`)."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="calendars")
    name = models.CharField(max_length=200)
    days = models.TextField(blank=True, max_length=20_000)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["connection", "name"], name="calendar_name_once")]

    def __str__(self) -> str:
        return self.name


class Schedule(models.Model):
    """When a listener of the type *schedule* hears the clock. The settings are those of `triggers.schedules.settings`.

    Everything up to the mark (an instant, and a slot's name there) is settled. ``next_at`` is when the next slot fires,
    the only thing that the clock looks at; null where it is paused, or over.
    """

    listener = models.OneToOneField(ContextListener, on_delete=models.CASCADE, related_name="schedule")
    cron = models.CharField(max_length=100, blank=True)
    every_s = models.PositiveIntegerField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    jitter_s = models.PositiveIntegerField(default=0)
    skip_days = models.TextField(blank=True, max_length=20_000)
    calendars = models.ManyToManyField(SkipCalendar, blank=True, related_name="schedules")
    misfire = models.CharField(max_length=10, choices=MisfirePolicy, default=MisfirePolicy.RUN_ONCE)
    catch_up = models.PositiveSmallIntegerField(default=1)
    grace_s = models.PositiveIntegerField(default=DEFAULT_GRACE_S)
    anchor_at = models.DateTimeField()
    mark_at = models.DateTimeField()
    mark_key = models.CharField(max_length=32, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(
        null=True, blank=True, help_text="Hidden, and fires no more; its slots and their events stay."
    )
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=(~Q(cron="") & Q(every_s=None)) | (Q(cron="") & Q(every_s__isnull=False)),
                name="schedule_cron_or_interval",
            ),
            models.CheckConstraint(condition=Q(deleted_at=None) | Q(next_at=None), name="schedule_deleted_is_not_due"),
            models.CheckConstraint(condition=Q(misfire__in=MisfirePolicy.values), name="schedule_misfire_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_at", "id"], condition=Q(next_at__isnull=False), name="schedule_due")
        ]

    def __str__(self) -> str:
        return f"schedule {self.pk}"

    def journal_refs(self) -> dict[str, int]:
        return self.listener.journal_refs()

    @property
    def settings(self) -> Settings:
        """As people set it."""
        return Settings(**{name: getattr(self, name) for name in Settings.__dataclass_fields__})


class ScheduleSlot(models.Model):
    """What became of a slot: it fired, as the event that ``delivery_id`` brings, or it was missed. Never changed.

    One row stands for all of ``count`` slots in a row that were missed, from ``slot_at`` to ``last_at``. Unique by
    schedule, instant and name, so that each fires once, however many clocks tick and whoever is killed.
    """

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="slots", db_index=False)
    slot_at = models.DateTimeField()
    key = models.CharField(max_length=32)
    status = models.CharField(max_length=10, choices=SlotStatus)
    is_made_up = models.BooleanField(default=False, help_text="It fired late, to make up for what was missed.")
    count = models.PositiveIntegerField(default=1)
    last_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    delivery_id = models.BigIntegerField(null=True)
    settled_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["schedule", "slot_at", "key"], name="slot_once"),
            models.CheckConstraint(condition=Q(status__in=SlotStatus.values), name="slot_status_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["settled_at"], name="slot_settled")]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
