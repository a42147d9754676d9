"""What arrived, as it arrived. A delivery row is immutable: what becomes of it lives in slim rows beside it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from triggers.enums import DeliveryStatus, Origin, Refusal
from workspaces.enums import TrustTier


class Delivery(models.Model):
    """Raw bytes, redacted headers, verdict and trust tier. No foreign keys, so that it may move to a file of its own.

    ``delivery_key`` is the sender's transport id (null: none declared, nothing is a duplicate). The same key with the
    same
    body is a duplicate; with another body it is stored with ``key_conflict``. A rejected one (``rejection`` set) never
    carries a key, so a bad signature never claims one. From ``purged_at`` on body and headers are empty: they are no
    longer kept, while the keys go on telling repeats.
    """

    connection_id = models.BigIntegerField()
    endpoint_id = models.BigIntegerField(null=True)
    source = models.CharField(max_length=20)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.LIVE)
    delivery_key = models.CharField(max_length=300, null=True)  # noqa: DJ001 - NULL is "no key", never equal to another
    body = models.BinaryField()
    body_hash = models.CharField(max_length=64)
    headers = models.JSONField(default=dict)
    rejection = models.CharField(max_length=20, blank=True, choices=Refusal)
    key_conflict = models.BooleanField(default=False)
    trust_tier = models.CharField(max_length=10, choices=TrustTier, default=TrustTier.OPEN)
    generation = models.PositiveBigIntegerField(default=0)
    received_at = models.DateTimeField()
    purged_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection_id", "delivery_key", "body_hash"], name="delivery_once"),
            models.CheckConstraint(condition=Q(rejection="") | Q(delivery_key=None), name="rejected_claims_no_key"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["connection_id", "-id"], name="delivery_by_connection"),
            models.Index(fields=["endpoint_id", "-id"], condition=~Q(rejection=""), name="delivery_rejected"),
            models.Index(fields=["connection_id", "received_at"], condition=Q(purged_at=None), name="delivery_kept"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class PendingDelivery(models.Model):
    """Goes in with an accepted delivery and out with its decision: work is claimed by state, never by a cursor."""

    delivery = models.OneToOneField(
        Delivery, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="pending"
    )
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "pending deliveries"

    def __str__(self) -> str:
        return f"delivery {self.delivery_id}"


class DeliveryOutcome(models.Model):
    """What became of a delivery."""

    delivery = models.OneToOneField(
        Delivery, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="outcome"
    )
    status = models.CharField(max_length=10, choices=DeliveryStatus)
    reason = models.CharField(max_length=20, blank=True, choices=Refusal)
    detail = models.CharField(max_length=500, blank=True)
    event_count = models.PositiveIntegerField(default=0)
    decided_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["decided_at"], condition=Q(status="error"), name="outcome_error")]

    def __str__(self) -> str:
        return f"delivery {self.delivery_id}: {self.status}"


class DeliveryDuplicates(models.Model):
    """How often the same delivery came again."""

    delivery = models.OneToOneField(
        Delivery, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="duplicates"
    )
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "delivery duplicates"

    def __str__(self) -> str:
        return f"delivery {self.delivery_id}: {self.count}"
