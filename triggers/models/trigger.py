"""Triggers: a draft that is edited, and immutable revisions that decide."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from dct_site.kernel.moves import Machine
from triggers.enums import TRIGGER_MOVES, TriggerStatus
from triggers.models.listener import ContextListener


class Trigger(models.Model):
    """What should happen when something changes. ``draft`` is the document being edited, ``published`` the revision
    that decides.

    The document is ``{name, priority, listeners[], conditions{}, workspace{}, agent{}, deliverables[], limits{}}``.
    ``version``
    guards concurrent edits. ``last_fired_at`` is the accepted time of the last event that fired (cooldown counts from
    it).
    """

    MOVES: ClassVar[Machine] = TRIGGER_MOVES

    name = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=TriggerStatus, default=TriggerStatus.NEW)
    priority = models.PositiveSmallIntegerField(default=5)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="triggers")
    draft = models.JSONField(default=dict)
    published = models.ForeignKey("TriggerRevision", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    listeners = models.ManyToManyField(ContextListener, through="TriggerListener", related_name="triggers")
    pause_reason = models.CharField(max_length=300, blank=True)
    paused_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    last_fired_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="Hidden and disabled; its history stays.")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-priority", "name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(priority__range=(1, 10)), name="trigger_priority"),
            models.CheckConstraint(condition=Q(status__in=TriggerStatus.values), name="trigger_status_known"),
            models.CheckConstraint(
                condition=Q(status="new") | Q(published__isnull=False) | Q(status="disabled"),
                name="trigger_has_revision",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_name(self) -> str:
        return self.name

    def journal_refs(self) -> dict[str, int]:
        return {"trigger": self.pk}


class TriggerRevision(models.Model):
    """An immutable snapshot of a trigger's document. Decisions and executions pin one; rollback makes a new one."""

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    schema_version = models.PositiveSmallIntegerField(default=1)
    document = models.JSONField()
    note = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["trigger", "number"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"r{self.number}"


class TriggerListener(models.Model):
    """Which listeners the published revision listens to: the rows that candidate lookup reads."""

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="listening")
    listener = models.ForeignKey(ContextListener, on_delete=models.CASCADE, related_name="heard_by")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["trigger", "listener"], name="trigger_listener_once")]

    def __str__(self) -> str:
        return f"{self.trigger_id} ← {self.listener_id}"


class RevisionListener(models.Model):
    """Which listeners a revision listened to. Never changed: it answers who was asked about an event long ago."""

    revision = models.ForeignKey(TriggerRevision, on_delete=models.CASCADE, related_name="listening")
    listener = models.ForeignKey(ContextListener, on_delete=models.CASCADE, related_name="heard_by_revisions")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["revision", "listener"], name="revision_listener_once")
        ]

    def __str__(self) -> str:
        return f"{self.revision_id} ← {self.listener_id}"


class TriggerStanding(models.Model):
    """How a trigger stood from one generation on: its status and the revision that decided. Append-only.

    "Then" of an event is the generation of its decision, so the latest standing at or below it is what decided,
    whatever happened to the trigger afterwards.
    """

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="standings")
    generation = models.PositiveBigIntegerField()
    status = models.CharField(max_length=10, choices=TriggerStatus)
    revision = models.ForeignKey(TriggerRevision, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-generation"]
        # What changed since a generation, for the index of a deciding process.
        indexes: ClassVar = [models.Index(fields=["generation"], name="standing_generation")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["trigger", "generation"], name="standing_once_per_generation"),
            models.CheckConstraint(condition=Q(status__in=TriggerStatus.values), name="standing_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.trigger_id}: {self.status} from {self.generation}"
