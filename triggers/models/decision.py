"""Decisions with their reasons, and firings: the "exactly once"."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from triggers.enums import FiringRole, Outcome, Suppression
from triggers.models.event import Event
from triggers.models.trigger import Trigger, TriggerRevision


class Decision(models.Model):
    """The answer for one (event, trigger): outcome, reason tree, facts, and the generation it was made under.

    Stored for every answer but a plain "not matched", which is recomputed from event, item state and revision.
    From ``purged_at`` on the outcome stands without its reasons (``because``, ``facts``, ``detail``).
    """

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="decisions", db_index=False)
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="decisions", db_index=False)
    revision = models.ForeignKey(TriggerRevision, on_delete=models.PROTECT, related_name="+")
    outcome = models.CharField(max_length=12, choices=Outcome)
    suppressed_by = models.CharField(max_length=20, choices=Suppression, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    because = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    generation = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event", "trigger"], name="decision_once"),
            models.CheckConstraint(
                condition=Q(outcome="suppressed") ^ Q(suppressed_by=""), name="decision_suppressed_by"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["trigger", "-id"], name="decision_by_trigger"),
            models.Index(fields=["at"], condition=Q(purged_at=None), name="decision_kept"),
            models.Index(
                fields=["trigger", "at", "suppressed_by"],
                condition=Q(outcome="suppressed"),
                name="decision_suppressed_lately",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome}: event {self.event_id}, trigger {self.trigger_id}"


class Firing(models.Model):
    """One event fired one trigger, once. The execution may be shared with other firings (merged, batched).

    ``item_id`` and ``accepted_at`` are the event's, for cooldowns of an item.
    """

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="firings", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="firings")
    execution = models.ForeignKey("Execution", on_delete=models.CASCADE, related_name="firings")
    role = models.CharField(max_length=10, choices=FiringRole, default=FiringRole.PRIMARY)
    item_id = models.BigIntegerField(null=True)
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["trigger", "event"], name="firing_once")]
        indexes: ClassVar = [
            models.Index(
                fields=["trigger", "item_id", "accepted_at"],
                condition=Q(accepted_at__isnull=False),
                name="firing_of_item",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role}: trigger {self.trigger_id}, event {self.event_id}"
