"""Webhook endpoints, and the one generation row that says whether anything a decision rests on has changed."""

import secrets
from typing import ClassVar

from django.db import models

from accounts.models import Connection
from triggers.enums import Verification


class Generation(models.Model):
    """One row. Publishing, pausing, editing a trigger, an endpoint or its secrets bumps it, held to commit."""

    value = models.PositiveBigIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="generation_one_row")]

    def __str__(self) -> str:
        return str(self.value)


def new_path() -> str:
    """A path of 128 random bits, url-safe."""
    return secrets.token_urlsafe(16)


class WebhookEndpoint(models.Model):
    """Where one connection's webhooks arrive: ``POST /hooks/{path}``. Its secrets are the connection's, named
    ``webhook``.

    ``signature_header``, ``timestamp_header`` and ``id_header`` / ``id_path`` matter to generic HMAC endpoints only;
    without a declared id nothing is taken for a duplicate. ``allowed_actors`` lifts an event's trust tier.
    """

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="endpoint")
    path = models.CharField(max_length=64, unique=True, default=new_path)
    verification = models.CharField(max_length=20, choices=Verification)
    signature_header = models.CharField(max_length=80, blank=True)
    timestamp_header = models.CharField(max_length=80, blank=True)
    id_header = models.CharField(max_length=80, blank=True)
    id_path = models.CharField(max_length=200, blank=True, help_text="Dotted path to the delivery's id in the body.")
    allowed_actors = models.JSONField(default=list, blank=True)
    max_body_bytes = models.PositiveIntegerField(default=2 * 1024 * 1024)
    rate_per_minute = models.PositiveIntegerField(default=6000)
    is_enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"endpoint of {self.connection_id}"
