"""Where a workspace may go, and what is kept of it."""

from datetime import datetime

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry, JournalEntry
from dct_site.kernel.edits import EditConflict
from dct_site.kernel.moves import IllegalMove
from tests.factories.workspaces import make_workspace
from workspaces.enums import WorkspaceStatus
from workspaces.services import lifecycle

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def test_a_workspace_is_prepared_reviewed_used_and_put_away(now: datetime) -> None:
    workspace = make_workspace(status=WorkspaceStatus.BUILDING)
    lifecycle.to_draft(workspace=workspace, now=now)
    lifecycle.activate(workspace=workspace, now=now)
    lifecycle.activate(workspace=workspace, now=now)
    lifecycle.complete(workspace=workspace, now=now)
    lifecycle.archive(workspace=workspace, by=BY, now=now)
    went = JournalEntry.objects.filter(kind="workspace", object_id=workspace.pk).values_list("to", flat=True)
    assert list(went) == ["draft", "active", "completed", "archived"]
    assert (workspace.activated_at, workspace.closed_at) == (now, now)
    assert AuditEntry.objects.get(action="workspace.archived").before == {"status": "completed"}


def test_one_at_work_is_not_put_away(now: datetime) -> None:
    workspace = make_workspace()
    with pytest.raises(IllegalMove):
        lifecycle.archive(workspace=workspace, by=BY, now=now)


def test_failing_what_is_closed_changes_nothing(now: datetime) -> None:
    workspace = make_workspace(status=WorkspaceStatus.COMPLETED)
    assert lifecycle.fail(workspace=workspace, now=now).status == WorkspaceStatus.COMPLETED
    other = make_workspace()
    assert lifecycle.fail(workspace=other, now=now, reason="no").status == WorkspaceStatus.FAILED


def test_a_title_is_changed_against_its_version(now: datetime) -> None:
    workspace = make_workspace()
    lifecycle.rename(workspace=workspace, title=" New \u202e\n title ", version=1, by=BY, now=now)
    assert (workspace.title, workspace.version) == ("New title", 2)
    with pytest.raises(EditConflict):
        lifecycle.rename(workspace=workspace, title="Mine", version=1, by=BY, now=now)


@pytest.mark.parametrize("title", ["", " \u200b", "x" * 201])
def test_a_title_that_cannot_be_shown_is_refused(title: str, now: datetime) -> None:
    with pytest.raises(lifecycle.BadTitle):
        lifecycle.rename(workspace=make_workspace(), title=title, version=1, by=BY, now=now)
