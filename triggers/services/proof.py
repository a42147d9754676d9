"""Whether the deliverables of an execution hold."""

from django.db.models import QuerySet

from deliverables.enums import DeliverableStatus
from deliverables.models import Deliverable
from triggers.models import Execution

PROVEN = (DeliverableStatus.SATISFIED, DeliverableStatus.WAIVED)


def unproven(execution: Execution) -> QuerySet[Deliverable]:
    """The required deliverables that neither hold nor were waived."""
    required = Deliverable.objects.filter(workspace=execution.workspace_id, is_required=True)
    return required.exclude(status__in=PROVEN)
