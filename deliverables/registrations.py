"""What the deliverables room tells the permission rule: whose its rows are."""

from accounts import ownership
from accounts.ownership import Ownership
from deliverables.models import Check, Deliverable
from workspaces.models import Workspace


def register() -> None:
    """Called once, when the apps are ready."""
    ownership.register(Deliverable, Ownership(owners=("workspace__owner",), grants=(("workspace", Workspace),)))
    ownership.register(
        Check, Ownership(owners=("deliverable__workspace__owner",), grants=(("deliverable__workspace", Workspace),))
    )
