"""Events: normalised changes, immutable, each kept with what it touched; and the keys that collapse two reports of one
change.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Connection
from triggers.enums import Origin
from workspaces.enums import TrustTier
from workspaces.models import ContextItem


class Event(models.Model):
    """One normalised change in CloudEvents terms.

    ``facts`` are what conditions see (kinds, title, text, actor, mentions…), ``data`` the source's own payload,
    ``changes``
    maps a path to ``[old, new]``, ``before`` is the image of the item's state that it touched and ``item_version`` the
    item's state version it was judged against. ``is_late``: an older upstream version than the item already had.
    From ``purged_at`` on what it said is no longer kept: ``subject``, ``actor`` and the four objects are empty.
    """

    delivery_id = models.BigIntegerField(null=True)
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="events", db_index=False)
    item = models.ForeignKey(ContextItem, on_delete=models.SET_NULL, null=True, related_name="events", db_index=False)
    external_id = models.CharField(max_length=300)
    source = models.CharField(max_length=20)
    type = models.CharField(max_length=100)
    subject = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=300, blank=True)
    time = models.DateTimeField()
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.LIVE)
    trust_tier = models.CharField(max_length=10, choices=TrustTier, default=TrustTier.OPEN)
    facts = models.JSONField(default=dict)
    data = models.JSONField(default=dict)
    changes = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    item_version = models.PositiveBigIntegerField(null=True)
    change_key = models.CharField(max_length=300, blank=True)
    is_late = models.BooleanField(default=False)
    hop = models.PositiveSmallIntegerField(default=0)
    replay_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replays")
    target_trigger_id = models.BigIntegerField(
        null=True, help_text="Only this trigger is asked (fired by hand, replayed)."
    )
    accepted_at = models.DateTimeField()
    decided_at = models.DateTimeField()
    generation = models.PositiveBigIntegerField()
    purged_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["connection", "-id"], name="event_by_connection"),
            models.Index(fields=["item", "-id"], name="event_by_item"),
            models.Index(fields=["delivery_id"], name="event_by_delivery"),
            models.Index(fields=["connection", "accepted_at"], condition=Q(purged_at=None), name="event_kept"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class SeenChange(models.Model):
    """A change that was seen, by its meaning (object, kind, version). Slim, and outlives the event's retention."""

    connection_id = models.BigIntegerField()
    change_key = models.CharField(max_length=300)
    event_id = models.BigIntegerField(null=True)
    seen_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection_id", "change_key"], name="change_seen_once")
        ]

    def __str__(self) -> str:
        return self.change_key
