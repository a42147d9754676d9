"""A person lets an agent be done without a deliverable, and says why."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from dct_site.kernel import moves, wake
from deliverables.enums import DeliverableStatus
from deliverables.models import Deliverable

REASON_LENGTH = 1000


class NoReason(Exception):
    """A waiver without a reason."""

    def __init__(self) -> None:
        super().__init__("Say why this deliverable is waived; the reason is kept.")


def waive(*, deliverable: Deliverable, reason: str, by: Actor, now: datetime) -> Deliverable:
    """Stop asking for it. Raises NoReason, and IllegalMove when it is waived already."""
    reason = " ".join(reason.split())[:REASON_LENGTH]
    if not reason:
        raise NoReason
    with transaction.atomic():
        # The gate may have judged it since the page was loaded; the wish is the same.
        deliverable = Deliverable.objects.select_for_update().get(pk=deliverable.pk)
        before = {"status": str(deliverable.status)}
        moves.move(
            deliverable,
            DeliverableStatus.WAIVED,
            now=now,
            reason=reason,
            by=by.label,
            waived_by=by.user,
            waive_reason=reason,
        )
        after = {"status": str(deliverable.status), "waive_reason": reason}
        audit.record(by=by, action="deliverable.waived", obj=deliverable, now=now, before=before, after=after)
        wake.poke_on_commit(wake.Topic.SETTLE)
    return deliverable
