"""A required output of a workspace, and the verdict of each of its checks."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from dct_site.kernel.moves import Machine
from deliverables.enums import DELIVERABLE_MOVES, CheckStatus, DeliverableKind, DeliverableStatus
from workspaces.models import Workspace


class Deliverable(models.Model):
    """One output that is looked for at ``target`` (a path inside the workspace, usually under ``feedback/``).

    ``rules`` hold what the file must satisfy (``deliverables.rules.base.Rule``, with what its format may ask besides);
    ``baseline_checksum`` is the file's SHA-256 when the agent started, empty where there was none.
    """

    MOVES: ClassVar[Machine] = DELIVERABLE_MOVES

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="deliverables")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=DeliverableKind)
    target = models.CharField(max_length=500)
    rules = models.JSONField(default=dict, blank=True)
    is_required = models.BooleanField(default=True, help_text="Blocks completion until it holds or is waived.")
    status = models.CharField(max_length=20, choices=DeliverableStatus, default=DeliverableStatus.PENDING)
    position = models.PositiveSmallIntegerField(default=0)
    baseline_checksum = models.CharField(max_length=64, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    waived_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    waive_reason = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "name"], name="deliverable_name_once"),
            models.CheckConstraint(condition=Q(status__in=DeliverableStatus.values), name="deliverable_status_known"),
            models.CheckConstraint(
                condition=~Q(status=DeliverableStatus.WAIVED) | ~Q(waive_reason=""),
                name="deliverable_waived_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def journal_refs(self) -> dict[str, int]:
        return {"deliverable": self.pk, "workspace": self.workspace_id}


class Check(models.Model):
    """The latest verdict of one rule of a deliverable, with what was expected and what was found."""

    deliverable = models.ForeignKey(Deliverable, on_delete=models.CASCADE, related_name="checks")
    rule = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=CheckStatus, default=CheckStatus.PENDING)
    expected = models.CharField(max_length=600)
    found = models.CharField(max_length=1000, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["deliverable", "rule"], name="check_once_per_rule")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.status}"
