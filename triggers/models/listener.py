"""How an item, or a whole connection, is watched."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Connection
from dct_site.kernel.moves import Machine
from triggers.enums import LISTENER_MOVES, ListenerStatus, ListenerType
from workspaces.models import ContextItem


class ContextListener(models.Model):
    """Interval, cursor, last checked and condition of health of one watched item, or of a connection where ``item``
    is null.

    The cursor moves only in the transaction of the events it stands behind; the first poll is a baseline that fires
    nothing.
    """

    MOVES: ClassVar[Machine] = LISTENER_MOVES

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="listeners")
    item = models.ForeignKey(ContextItem, on_delete=models.CASCADE, null=True, blank=True, related_name="listeners")
    listener_type = models.CharField(max_length=20, choices=ListenerType)
    status = models.CharField(max_length=20, choices=ListenerStatus, default=ListenerStatus.HEALTHY)
    status_reason = models.CharField(max_length=500, blank=True)
    polling_interval_ms = models.PositiveIntegerField(default=60_000)
    cursor = models.JSONField(default=dict, blank=True)
    last_checked = models.DateTimeField(null=True, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=100, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    next_look_at = models.DateTimeField(null=True, blank=True, help_text="When it is next looked at for silence.")
    known_since = models.DateTimeField(null=True, blank=True, help_text="Since when its pauses are known.")
    known_until = models.DateTimeField(null=True, blank=True, help_text="The last event whose pause is known.")
    longest_pause_s = models.FloatField(
        default=0, db_default=0, help_text="The longest time between two events; halves in two weeks."
    )
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "item"], name="listener_once_per_item"),
            models.UniqueConstraint(fields=["connection"], condition=Q(item=None), name="listener_once_per_connection"),
            models.CheckConstraint(condition=Q(polling_interval_ms__gte=1000), name="listener_interval"),
            models.CheckConstraint(condition=Q(status__in=ListenerStatus.values), name="listener_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_due_at"], condition=Q(next_due_at__isnull=False), name="listener_due"),
            models.Index(fields=["next_look_at"], condition=~Q(listener_type="schedule"), name="listener_to_look_at"),
        ]

    def __str__(self) -> str:
        return f"{self.listener_type} of {self.item_id or self.connection_id}"

    def journal_refs(self) -> dict[str, int]:
        return {"listener": self.pk, "connection": self.connection_id} | (
            {"item": self.item_id} if self.item_id else {}
        )
