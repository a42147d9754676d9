"""Armed absences: what waits for its time to be up."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from dct_site.kernel.moves import Machine
from triggers.enums import WATCH_MOVES, WatchStatus
from triggers.models.event import Event
from triggers.models.trigger import Trigger, TriggerRevision
from workspaces.models import ContextItem


class Watch(models.Model):
    """One silence of an item that a trigger waits for: it began with ``armed_by`` and is long enough at ``due_at``.

    ``condition`` names the absence among those of the trigger (``absence.Wanted.name``), ``revision`` is the one that
    armed it; a later one with the same absence goes on with it. ``armed_at`` is the accepted time of the event that
    armed it. ``ended_by`` is the event that broke the silence, or began it anew; ``delivery_id`` brings the event by
    which it came back when its time was up.
    """

    MOVES: ClassVar[Machine] = WATCH_MOVES

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="watches")
    revision = models.ForeignKey(TriggerRevision, on_delete=models.PROTECT, related_name="+")
    item = models.ForeignKey(ContextItem, on_delete=models.CASCADE, related_name="watches")
    condition = models.CharField(max_length=32)
    status = models.CharField(max_length=10, choices=WatchStatus, default=WatchStatus.ARMED)
    armed_by = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="watches_armed")
    armed_at = models.DateTimeField()
    due_at = models.DateTimeField()
    ended_by = models.ForeignKey(Event, on_delete=models.SET_NULL, null=True, related_name="watches_ended")
    ended_at = models.DateTimeField(null=True)
    delivery_id = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "watches"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["trigger", "item", "condition", "armed_by"], name="watch_once"),
            models.CheckConstraint(condition=Q(status__in=WatchStatus.values), name="watch_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(status="armed"), name="watch_due"),
            models.Index(fields=["trigger", "item"], condition=Q(status="armed"), name="watch_armed"),
        ]

    def __str__(self) -> str:
        return f"watch {self.pk}: {self.status}, due {self.due_at.isoformat()}"

    def journal_refs(self) -> dict[str, int]:
        return {"trigger": self.trigger_id, "item": self.item_id, "event": self.armed_by_id}
