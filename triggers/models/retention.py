"""How long what arrived, what came of it and why is kept: everywhere, and otherwise for single connections."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Connection

LONGEST = 36_500
SHORTEST: Mapping[str, int] = {"deliveries_days": 1, "events_days": 1, "decisions_days": 1, "tombstones_days": 30}
"""Senders try again, and mailboxes are numbered anew: what is known as a repeat must outlast that."""
DEFAULT_DAYS: Mapping[str, int] = {
    "deliveries_days": 30,
    "events_days": 90,
    "decisions_days": 365,
    "tombstones_days": 400,
}
"""Where nobody has said otherwise."""


def _known(name: str) -> models.CheckConstraint:
    known = Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__range": (SHORTEST[name], LONGEST)})
    return models.CheckConstraint(condition=known, name=f"retention_{name}")


class Retention(models.Model):
    """Days for which contents are kept; null: as everywhere. The row without a connection (``is_default``) is what
    holds everywhere; there it means DEFAULT_DAYS. ``tombstones_days``: after that the rest goes too, with the keys that
    tell repeats.

    Of that row ``swept_at`` is when the clock last found nothing more to take away, ``cleared_at`` when it last found
    no tombstone to delete, and ``clearing`` how far a round of that is (``triggers.services.keeping.clearing``).
    """

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="retention"
    )
    is_default = models.BooleanField(default=False)
    deliveries_days = models.PositiveIntegerField(null=True, blank=True, help_text="Raw bytes and headers.")
    events_days = models.PositiveIntegerField(null=True, blank=True, help_text="What events say.")
    decisions_days = models.PositiveIntegerField(null=True, blank=True, help_text="The reasons of decisions.")
    tombstones_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="What is left of them: ids, keys that tell repeats, outcomes."
    )
    swept_at = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True)
    clearing = models.JSONField(null=True, editable=False)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "retention"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_default=True) ^ Q(connection__isnull=False), name="retention_of_one_or_all"
            ),
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="retention_one_default"),
            *(_known(name) for name in DEFAULT_DAYS),
        ]

    def __str__(self) -> str:
        return "everywhere" if self.is_default else f"connection {self.connection_id}"
