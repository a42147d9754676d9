"""The closed vocabularies of deliverables and checks, and where each may go."""

from django.db import models

from dct_site.kernel.moves import Machine, machine


class DeliverableKind(models.TextChoices):
    FILE_CREATED = "file_created", "File created"
    FILE_EDITED = "file_edited", "File edited"


class DeliverableStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    SATISFIED = "satisfied", "Satisfied"
    UNSATISFIED = "unsatisfied", "Unsatisfied"
    WAIVED = "waived", "Waived"
    EXPIRED = "expired", "Expired"


class CheckStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"
    ERROR = "error", "Error"


# A satisfied one may fall back while its agent still works: the gate looks again each time the agent says done.
DELIVERABLE_MOVES: Machine = machine(
    "deliverable",
    {
        DeliverableStatus.PENDING: [
            DeliverableStatus.SATISFIED,
            DeliverableStatus.UNSATISFIED,
            DeliverableStatus.WAIVED,
            DeliverableStatus.EXPIRED,
        ],
        DeliverableStatus.SATISFIED: [DeliverableStatus.UNSATISFIED, DeliverableStatus.WAIVED],
        DeliverableStatus.UNSATISFIED: [
            DeliverableStatus.SATISFIED,
            DeliverableStatus.WAIVED,
            DeliverableStatus.EXPIRED,
        ],
        DeliverableStatus.WAIVED: [],
        DeliverableStatus.EXPIRED: [DeliverableStatus.WAIVED],
    },
)
