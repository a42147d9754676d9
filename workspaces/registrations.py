"""What the workspaces room tells the permission rule: whose its rows are."""

from accounts import ownership
from accounts.models import Connection
from accounts.ownership import Ownership
from workspaces.models import ContextFile, ContextItem, ItemState, TemplateContext, Workspace, WorkspaceTemplate


def register() -> None:
    """Called once, when the apps are ready."""
    item = (("", ContextItem), ("parent", ContextItem), ("connection", Connection))
    ownership.register(ContextItem, Ownership(owners=("connection__owner",), grants=item))
    ownership.register(
        ItemState,
        Ownership(
            owners=("item__connection__owner",), grants=(("item", ContextItem), ("item__connection", Connection))
        ),
    )
    ownership.register(WorkspaceTemplate, Ownership(owners=("owner",), grants=(("", WorkspaceTemplate),)))
    ownership.register(
        TemplateContext, Ownership(owners=("template__owner",), grants=(("template", WorkspaceTemplate),))
    )
    ownership.register(Workspace, Ownership(owners=("owner",), grants=(("", Workspace),)))
    ownership.register(ContextFile, Ownership(owners=("workspace__owner",), grants=(("workspace", Workspace),)))
