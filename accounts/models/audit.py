"""Who changed what: append-only, written in the transaction of the change, chained afterwards."""

from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.enums import Via


class AppendOnlyError(Exception):
    """Audit entries are never changed or deleted by the application."""


class AuditEntry(models.Model):
    """One change: actor, door, action, object, before and after with secrets redacted.

    The sealer fills ``position``, ``previous_hash`` and ``hash`` within seconds of the commit; the chain proves edits
    against a head that was exported earlier.
    """

    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    actor_label = models.CharField(max_length=150)
    via = models.CharField(max_length=10, choices=Via)
    action = models.CharField(max_length=80)
    kind = models.CharField(max_length=40)
    object_id = models.BigIntegerField(null=True)
    object_label = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    position = models.BigIntegerField(null=True, unique=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["kind", "object_id", "id"], name="audit_by_object"),
            models.Index(fields=["id"], condition=Q(position=None), name="audit_not_sealed"),
        ]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.kind} {self.object_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("An audit entry is written once.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("An audit entry stays.")
