"""Where a workspace goes: prepared as a draft, active, completed, failed, archived."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from dct_site.kernel import moves
from dct_site.kernel.edits import edit
from workspaces.enums import WorkspaceStatus
from workspaces.models import Workspace
from workspaces.services.titles import TITLE_LENGTH
from workspaces.services.untrusted import strip_invisible

_CLOSED = (WorkspaceStatus.COMPLETED, WorkspaceStatus.FAILED, WorkspaceStatus.ARCHIVED)


class BadTitle(ValueError):
    """The title cannot be used; the message says why."""


def to_draft(*, workspace: Workspace, now: datetime, reason: str = "") -> Workspace:
    """It is prepared and waits for a person's review."""
    return moves.move(workspace, WorkspaceStatus.DRAFT, now=now, reason=reason)


def activate(*, workspace: Workspace, now: datetime, by: str = moves.SYSTEM, reason: str = "") -> Workspace:
    """Its agents may work. Activating an active one changes nothing."""
    if workspace.status == WorkspaceStatus.ACTIVE:
        return workspace
    return moves.move(workspace, WorkspaceStatus.ACTIVE, now=now, by=by, reason=reason, activated_at=now)


def complete(*, workspace: Workspace, now: datetime, reason: str = "") -> Workspace:
    """Its deliverables hold."""
    return moves.move(workspace, WorkspaceStatus.COMPLETED, now=now, reason=reason, closed_at=now)


def fail(*, workspace: Workspace, now: datetime, by: str = moves.SYSTEM, reason: str = "") -> Workspace:
    """Nothing more will come of it. One that is closed already stays as it is."""
    if workspace.status in _CLOSED:
        return workspace
    return moves.move(workspace, WorkspaceStatus.FAILED, now=now, by=by, reason=reason, closed_at=now)


def archive(*, workspace: Workspace, by: Actor, now: datetime, reason: str = "") -> Workspace:
    """Put a closed or draft workspace away; its files stay. Raises IllegalMove for one at work."""
    with transaction.atomic():
        before = workspace.status
        moves.move(
            workspace,
            WorkspaceStatus.ARCHIVED,
            now=now,
            by=by.label,
            reason=reason,
            closed_at=workspace.closed_at or now,
        )
        audit.record(
            by=by,
            action="workspace.archived",
            obj=workspace,
            now=now,
            before={"status": before},
            after={"status": workspace.status, "reason": reason},
        )
    return workspace


def rename(*, workspace: Workspace, title: str, version: int, by: Actor, now: datetime) -> Workspace:
    """Give it another title. Raises BadTitle, or EditConflict where ``version`` is not the current one."""
    line = " ".join(strip_invisible(title).split())
    if not line or len(line) > TITLE_LENGTH:
        raise BadTitle(f"A title has 1 to {TITLE_LENGTH} characters.")
    with transaction.atomic():
        edit(workspace, version=version, title=line)
        # Not the titles: the old one may quote what came from outside, and the log cannot forget it.
        audit.record(by=by, action="workspace.renamed", obj=workspace, now=now, after={"changed": ["title"]})
    return workspace
