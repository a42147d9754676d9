"""Rows of the deliverables room for tests."""

from datetime import UTC, datetime
from typing import Any

from deliverables.models import Deliverable
from deliverables.services.specify import baselines, specify
from workspaces import files
from workspaces.models import Workspace

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def make_deliverable(workspace: Workspace, *, now: datetime = NOON, **over: Any) -> Deliverable:
    """A required ``feedback/digest.md`` that has to be created, unless said otherwise."""
    spec = {"name": "digest", "kind": "file_created", "target": "feedback/digest.md", **over}
    before = baselines(workspace=workspace, specs=[spec])
    specify(workspace=workspace, specs=[spec], before=before, now=now)
    return Deliverable.objects.get(workspace=workspace, name=spec["name"])


def deliver(workspace: Workspace, target: str, content: str) -> None:
    """What an agent does: write a file into the workspace."""
    files.write_atomic(files.root_of(workspace), target, content.encode(), is_durable=False)
