"""Rows of the library and of workspaces."""

from workspaces.models.library import ContextItem, ItemState
from workspaces.models.template import TemplateContext, WorkspaceTemplate
from workspaces.models.workspace import ContextFile, Workspace

__all__ = ["ContextFile", "ContextItem", "ItemState", "TemplateContext", "Workspace", "WorkspaceTemplate"]
