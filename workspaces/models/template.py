"""What is cloned: a template's rows and its directory of files."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from workspaces.enums import ContextKind, ContextRefreshMode
from workspaces.models.library import ContextItem


class WorkspaceTemplate(models.Model):
    """A workspace to clone: settings, context rows, and files under ``templates/<directory>`` of the data directory."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    title_pattern = models.CharField(max_length=500, default="{trigger.name}: {item.title}")
    context_refresh_mode = models.CharField(
        max_length=20, choices=ContextRefreshMode, default=ContextRefreshMode.TRIGGERING_ITEM
    )
    options = models.JSONField(default=dict, blank=True)
    directory = models.CharField(max_length=64, unique=True, help_text="A random name; never derived from text.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="workspace_templates")
    is_archived = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_name(self) -> str:
        return self.name


class TemplateContext(models.Model):
    """One file that is written into ``context/`` of every clone."""

    template = models.ForeignKey(WorkspaceTemplate, on_delete=models.CASCADE, related_name="context")
    path = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=ContextKind)
    item = models.ForeignKey(ContextItem, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    text = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["path"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["template", "path"], name="template_context_path_once")
        ]

    def __str__(self) -> str:
        return self.path
