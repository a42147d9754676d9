"""Ends deliverables whose deadline is over."""

from datetime import datetime

from django.db import transaction

from dct_site.kernel import moves, wake
from deliverables.enums import DeliverableStatus
from deliverables.models import Deliverable

OPEN = (DeliverableStatus.PENDING, DeliverableStatus.UNSATISFIED)


def expire_due(*, now: datetime, limit: int = 100) -> int:
    """Expire up to ``limit`` that were not there by their deadline. Returns how many. Called by the clock."""
    due = Deliverable.objects.filter(status__in=OPEN, deadline_at__lte=now).order_by("deadline_at", "id")[:limit]
    expired = 0
    for row in due:
        try:
            with transaction.atomic():
                moves.move(row, DeliverableStatus.EXPIRED, now=now, reason="its deadline is over")
                wake.poke_on_commit(wake.Topic.SETTLE)
        except moves.LostRace:  # satisfied or waived meanwhile
            continue
        expired += 1
    return expired
