"""Connections to outside systems and their write-only secrets."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.enums import Source
from dct_site.kernel.fields import EncryptedTextField


class Connection(models.Model):
    """Credentials, address and tenant of an outside system; the scope of deduplication.

    ``config`` holds what is not secret (host, port, user name, folder); secrets are rows of their own that can be
    replaced and never read back. A paused connection (its source paused) is heard but fires nothing, and what waits
    for a start because of it goes on waiting.
    """

    name = models.CharField(max_length=200)
    source = models.CharField(max_length=20, choices=Source)
    tenant = models.CharField(
        max_length=200, blank=True, help_text="The outside account; two connections to one tenant see the same changes."
    )
    config = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)
    is_paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    max_concurrent = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many runs that its events began may be at work at once."
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="connections")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name"], name="connection_name_once_per_owner"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="connection_source_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_name(self) -> str:
        return self.name


class Secret(models.Model):
    """One secret of a connection. Two of one name may live while rotating: the older carries ``expires_at``."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=60)
    value = EncryptedTextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "name"], condition=Q(expires_at=None), name="secret_one_current"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.connection_id}"
