"""Where files lie: one directory per workspace and per template below the data directory, by random names."""

from pathlib import Path

from django.conf import settings

from workspaces.models import Workspace, WorkspaceTemplate

CONTEXT, FEEDBACK, WORK = "context", "feedback", "work"
SKELETON = (CONTEXT, FEEDBACK, WORK)


def data_dir() -> Path:
    """The data directory (``DCT_DATA_DIR``)."""
    return Path(settings.DCT_DATA_DIR)


def workspaces_root() -> Path:
    return data_dir() / "workspaces"


def root_of(workspace: Workspace) -> Path:
    """The directory of a workspace, with ``context/``, ``feedback/`` and ``work/`` in it."""
    return workspaces_root() / workspace.directory


def template_root(template: WorkspaceTemplate) -> Path:
    """The directory of a template's files, laid out as a workspace is."""
    return data_dir() / "templates" / template.directory
