"""How long what arrived, what came of it and why is kept: everywhere, and otherwise for single connections."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import Connection

SHORTEST, LONGEST = 1, 36_500
DEFAULT_DAYS: Mapping[str, int] = {"deliveries_days": 30, "events_days": 90, "decisions_days": 365}
"""Where nobody has said otherwise."""


def _known(name: str) -> models.CheckConstraint:
    known = Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__range": (SHORTEST, LONGEST)})
    return models.CheckConstraint(condition=known, name=f"retention_{name}")


class Retention(models.Model):
    """Days for which contents are kept; null: as everywhere. The row without a connection (``is_default``) is what
    holds everywhere; there it means DEFAULT_DAYS.

    ``swept_at`` of that row: when the clock last found nothing more to take away.
    """

    connection = models.OneToOneField(
        Connection, on_delete=models.CASCADE, null=True, blank=True, related_name="retention"
    )
    is_default = models.BooleanField(default=False)
    deliveries_days = models.PositiveIntegerField(null=True, blank=True, help_text="Raw bytes and headers.")
    events_days = models.PositiveIntegerField(null=True, blank=True, help_text="What events say.")
    decisions_days = models.PositiveIntegerField(null=True, blank=True, help_text="The reasons of decisions.")
    swept_at = models.DateTimeField(null=True, blank=True)
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
