"""Templates and workspaces that a person may see."""

from django.db.models import Q, QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from workspaces.models import ContextFile, Workspace, WorkspaceTemplate
from workspaces.selectors.library import items_visible_to


def templates_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[WorkspaceTemplate]:
    """Templates that are not archived."""
    rows = WorkspaceTemplate.objects.filter(is_archived=False).select_related("owner")
    return visible(rows, user=user, operation=operation)


def workspaces_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Workspace]:
    """Workspaces in any status, newest first."""
    return visible(Workspace.objects.select_related("template", "item", "owner"), user=user, operation=operation)


def context_visible_to(*, user: Person, workspace: Workspace) -> QuerySet[ContextFile]:
    """The manifest of a workspace, without what was known of items that the person may not see."""
    seen = items_visible_to(user=user).order_by().values("pk")
    rows = ContextFile.objects.filter(workspace=workspace).select_related("item")
    return visible(rows, user=user).filter(Q(item=None) | Q(item__in=seen))
