"""The clone: a workspace's row, its directory and the manifest of its context files."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from dct_site.kernel.moves import Machine
from workspaces.enums import WORKSPACE_MOVES, ContextKind, ContextRefreshMode, TrustTier, WorkspaceStatus
from workspaces.models.library import ContextItem
from workspaces.models.template import WorkspaceTemplate


class Workspace(models.Model):
    """Rows plus a directory with ``context/`` (what was known), ``feedback/`` (where agents deliver) and ``work/``.

    ``origin`` is the caller's key for the clone (an execution's, say): making a workspace twice for one origin gives
    the same row, so a crash between clone and commit converges.
    """

    MOVES: ClassVar[Machine] = WORKSPACE_MOVES

    title = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=WorkspaceStatus, default=WorkspaceStatus.BUILDING)
    template = models.ForeignKey(
        WorkspaceTemplate, on_delete=models.SET_NULL, null=True, blank=True, related_name="workspaces"
    )
    item = models.ForeignKey(ContextItem, on_delete=models.SET_NULL, null=True, blank=True, related_name="workspaces")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="workspaces")
    origin = models.CharField(max_length=80, unique=True)
    directory = models.CharField(max_length=64, unique=True)
    context_refresh_mode = models.CharField(
        max_length=20, choices=ContextRefreshMode, default=ContextRefreshMode.TRIGGERING_ITEM
    )
    trust_tier = models.CharField(max_length=10, choices=TrustTier, default=TrustTier.OPEN)
    options = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=WorkspaceStatus.values), name="workspace_status_known"),
        ]
        indexes: ClassVar = [models.Index(fields=["item", "status"], name="workspace_by_item")]

    def __str__(self) -> str:
        return self.title

    def journal_refs(self) -> dict[str, int]:
        return {"workspace": self.pk} | ({"item": self.item_id} if self.item_id else {})


class ContextFile(models.Model):
    """One entry of the manifest: what was known, from where, which version, how far it is trusted."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="context")
    path = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=ContextKind)
    item = models.ForeignKey(ContextItem, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    item_version = models.PositiveBigIntegerField(null=True)
    size = models.PositiveBigIntegerField()
    checksum = models.CharField(max_length=64)
    trust_tier = models.CharField(max_length=10, choices=TrustTier)
    written_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["path"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "path"], name="context_file_path_once")]

    def __str__(self) -> str:
        return self.path
