"""The library: things that are watched, their last known state and the history of states."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Connection
from workspaces.enums import ItemKind, TrustTier


class ContextItem(models.Model):
    """One thing that is watched, or a child that was found under one (a pull request under its repository).

    ``state`` is the last known state, moved by compare-and-swap on ``state_version`` and only by a live event whose
    ``upstream_version`` is newer: state never goes backwards.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="items", db_index=False)
    parent = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="children", db_index=False
    )
    kind = models.CharField(max_length=20, choices=ItemKind)
    external_key = models.CharField(max_length=500)
    title = models.CharField(max_length=300, blank=True)
    url = models.URLField(max_length=1000, blank=True)
    is_watched = models.BooleanField(default=False, help_text="Shown as a library card.")
    state = models.JSONField(default=dict, blank=True)
    state_version = models.PositiveBigIntegerField(default=0)
    upstream_version = models.CharField(max_length=64, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-changed_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "kind", "external_key"], name="item_once_per_connection"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-changed_at", "-id"], condition=Q(is_watched=True), name="item_cards"),
            models.Index(fields=["parent", "-changed_at"], name="item_children"),
        ]

    def __str__(self) -> str:
        return self.title or self.external_key


class ItemState(models.Model):
    """One state an item was in: the history that makes a verdict repeatable. No foreign key to the event's room."""

    item = models.ForeignKey(ContextItem, on_delete=models.CASCADE, related_name="history", db_index=False)
    version = models.PositiveBigIntegerField()
    state = models.JSONField(default=dict)
    changes = models.JSONField(default=dict)
    upstream_version = models.CharField(max_length=64, blank=True)
    event_id = models.BigIntegerField(null=True)
    trust_tier = models.CharField(max_length=10, choices=TrustTier, default=TrustTier.OPEN)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-version"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["item", "version"], name="item_state_version_once")]

    def __str__(self) -> str:
        return f"{self.item_id} v{self.version}"
