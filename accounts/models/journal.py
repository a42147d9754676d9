"""The journal's rows: one per transition of an execution, run, deliverable, listener or anything else that moves."""

from typing import ClassVar

from django.db import models

from dct_site.kernel.journal import TransactionId


class JournalEntry(models.Model):
    """A transition (``came_from`` is empty at birth). No foreign keys: readers follow ids in ``refs``."""

    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    kind = models.CharField(max_length=20)
    object_id = models.BigIntegerField()
    came_from = models.CharField(max_length=20, blank=True)
    to = models.CharField(max_length=20)
    reason = models.CharField(max_length=1000, blank=True)
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()
    refs = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["kind", "object_id", "id"], name="journal_by_object"),
            models.Index(fields=["xid", "id"], name="journal_in_order"),
        ]
        verbose_name_plural = "journal entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}: {self.came_from or 'new'} → {self.to}"
