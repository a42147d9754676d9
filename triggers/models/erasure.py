"""Erasures: what of an item, or about a person, is taken away for good, and how far that is."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from dct_site.kernel.fields import EncryptedTextField
from dct_site.kernel.moves import Machine
from triggers.enums import ERASURE_MOVES, ErasureKind, ErasureStatus


class Erasure(models.Model):
    """One erasure. What came before ``created_at`` is emptied, event by event; ``after_id`` is how far it is.
    Of a person the raw bytes of deliveries are looked through after that, up to ``after_delivery_id`` so far.

    ``item_id`` names the item, which keeps its key and may go with its connection. A person is named by ``digest``, a
    keyed hash of the address or login; ``person`` holds it, encrypted, only until the work is done. ``with_files``:
    what agents left in ``work/`` and ``feedback/`` goes too. ``counts``: what was taken away so far, by kind.
    """

    MOVES: ClassVar[Machine] = ERASURE_MOVES

    kind = models.CharField(max_length=10, choices=ErasureKind)
    status = models.CharField(max_length=10, choices=ErasureStatus, default=ErasureStatus.RUNNING)
    item_id = models.BigIntegerField(null=True)
    connection_id = models.BigIntegerField(null=True, help_text="A person is looked for here only; null: everywhere.")
    digest = models.CharField(max_length=64, blank=True)
    person = EncryptedTextField(blank=True)
    with_files = models.BooleanField(default=False)
    total = models.PositiveIntegerField(help_text="Events that were counted before.")
    done = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)
    after_id = models.BigIntegerField(default=0)
    after_delivery_id = models.BigIntegerField(default=0, db_default=0)
    waits_for = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="erasures")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=ErasureStatus.values), name="erasure_status_known"),
            models.CheckConstraint(condition=Q(item_id=None) ^ Q(digest=""), name="erasure_of_one_thing"),
            models.CheckConstraint(condition=Q(status="running") | Q(person=""), name="erasure_forgets_the_person"),
        ]
        indexes: ClassVar = [models.Index(fields=["id"], condition=Q(status="running"), name="erasure_running")]

    def __str__(self) -> str:
        return f"erasure {self.pk}"

    def journal_refs(self) -> dict[str, int]:
        return {"erasure": self.pk, **({"item": self.item_id} if self.item_id is not None else {})}
