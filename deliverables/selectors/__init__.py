"""What pages and interfaces read of deliverables."""

from django.db.models import Prefetch, QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from deliverables.models import Check, Deliverable
from workspaces.models import Workspace


def deliverables_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Deliverable]:
    """Deliverables with their workspace; checks are fetched with them in two queries."""
    rows = Deliverable.objects.select_related("workspace", "waived_by").prefetch_related(_checks())
    return visible(rows, user=user, operation=operation)


def deliverables_of(workspace: Workspace) -> QuerySet[Deliverable]:
    """A workspace's deliverables in their order, with their checks."""
    return Deliverable.objects.filter(workspace=workspace).select_related("waived_by").prefetch_related(_checks())


def _checks() -> "Prefetch[str, QuerySet[Check], str]":
    return Prefetch("checks", queryset=Check.objects.order_by("position", "id"))
