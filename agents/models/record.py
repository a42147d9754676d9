"""What is kept of agents that were stopped or replaced, and for how long."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.models.agent import Agent
from workspaces.models import Workspace, WorkspaceTemplate

LONGEST_DAYS = 36_500
MOST_RECORDS = 1_000_000
MOST_BYTES = 2**50
DEFAULT_DAYS = 365
"""Where nobody has said otherwise; as delivered, neither their number nor their size has a bound."""


class ObsoleteAgentRecord(models.Model):
    """A replaced or stopped agent: its conversation (zstd of JSON lines), checkpoint, what it had done to the files,
    and why. Restorable.

    ``conversation`` holds the end of it; what comes before lies in ConversationParts of its agent. ``changes`` are JSON
    lines too (``workspaces.files.differing.Changed``). One with ``purged_at`` is a tombstone: who, when and why; while
    its ``stored_bytes`` are more than 0, messages and parts of its agent are still to be taken away.
    """

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, related_name="obsolete_record")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="obsolete_agents")
    profile = models.JSONField(help_text="The profile as it was.")
    conversation = models.BinaryField()
    conversation_size = models.PositiveBigIntegerField(help_text="Bytes before compression.")
    message_count = models.PositiveIntegerField()
    checkpoint = models.JSONField(default=dict)
    changes = models.BinaryField(null=True)
    changes_size = models.PositiveBigIntegerField(default=0, db_default=0, help_text="Bytes before compression.")
    change_count = models.PositiveIntegerField(
        null=True, help_text="Files that differ from what its workspace began with; empty: nobody looked."
    )
    is_changes_cut = models.BooleanField(
        default=False, db_default=False, help_text="There were more differences than are kept."
    )
    stored_bytes = models.PositiveBigIntegerField(default=0, db_default=0, help_text="What it takes up, compressed.")
    reason = models.CharField(max_length=1000)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    by_label = models.CharField(max_length=150)
    at = models.DateTimeField()
    pinned_at = models.DateTimeField(null=True, blank=True, help_text="It stays, whatever the rules say.")
    pinned_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    purged_at = models.DateTimeField(null=True, blank=True, help_text="Since when its content is no longer kept.")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["at", "id"], condition=Q(purged_at=None, pinned_at=None), name="record_to_go"),
            models.Index(
                fields=["id"], condition=Q(purged_at__isnull=False, stored_bytes__gt=0), name="record_to_clear"
            ),
        ]

    def __str__(self) -> str:
        return f"agent {self.agent_id}: {self.reason}"


class ConversationPart(models.Model):
    """A piece of a conversation that is being put away: messages ``first_seq`` to ``last_seq`` as zstd of JSON lines.

    Messages are only ever added, so a part that is written is the same whoever writes it.
    """

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="conversation_parts")
    first_seq = models.PositiveIntegerField()
    last_seq = models.PositiveIntegerField()
    count = models.PositiveIntegerField()
    size = models.PositiveIntegerField(help_text="Bytes before compression.")
    stored_bytes = models.PositiveIntegerField()
    body = models.BinaryField()  # last: what stands behind it in a row is reached by reading through it

    class Meta:
        ordering: ClassVar = ["agent_id", "first_seq"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["agent", "first_seq"], name="part_once")]

    def __str__(self) -> str:
        return f"agent {self.agent_id}: messages {self.first_seq} to {self.last_seq}"


class RecordRule(models.Model):
    """How long records are kept, how many, and how much they may take up: of one workspace, of all workspaces cloned
    from one template, or everywhere (``is_default``). null: nothing is said.

    For age the nearest rule holds: the workspace's, else its template's, else that of everywhere (DEFAULT_DAYS). Number
    and size bound what the rule covers, the newest staying. Of the row for everywhere ``swept_at`` is when the clock
    last found nothing more to take away.
    """

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, null=True, blank=True, related_name="record_rule"
    )
    template = models.OneToOneField(
        WorkspaceTemplate, on_delete=models.CASCADE, null=True, blank=True, related_name="record_rule"
    )
    is_default = models.BooleanField(default=False)
    max_days = models.PositiveIntegerField(null=True, blank=True)
    max_count = models.PositiveIntegerField(null=True, blank=True)
    max_bytes = models.PositiveBigIntegerField(null=True, blank=True, help_text="As they are stored.")
    swept_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_default=True, workspace=None, template=None)
                | Q(is_default=False, workspace__isnull=False, template=None)
                | Q(is_default=False, workspace=None, template__isnull=False),
                name="record_rule_of_one",
            ),
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="record_rule_one_default"
            ),
            models.CheckConstraint(
                condition=Q(max_days=None) | Q(max_days__range=(1, LONGEST_DAYS)), name="record_rule_days"
            ),
        ]

    def __str__(self) -> str:
        if self.is_default:
            return "everywhere"
        return f"workspace {self.workspace_id}" if self.workspace_id else f"template {self.template_id}"
