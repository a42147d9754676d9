"""Deliverables as an execution's page shows them, and waiving one."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import JournalEntry, User
from accounts.operations import Operation
from accounts.permissions import may
from accounts.views.answers import done
from accounts.views.base import SignedInView
from deliverables.enums import CheckStatus, DeliverableStatus
from deliverables.models import Check, Deliverable
from deliverables.rules.base import Rule
from deliverables.selectors import deliverables_visible_to
from triggers.models import Execution
from triggers.services import attention
from workspaces.views.files import file_url

_HOLDING = (DeliverableStatus.SATISFIED, DeliverableStatus.WAIVED)


def deliverables_shown(
    rows: Sequence[Deliverable], *, user: User, execution: Execution | None = None
) -> list[dict[str, Any]]:
    """For ``components/deliverable.html``; the rows come with their checks."""
    waived = [row.pk for row in rows if row.status == DeliverableStatus.WAIVED]
    moments = _waived_at(waived) if waived else {}
    may_waive = bool(rows) and bool(may(user, Operation.WAIVE, rows[0]))
    may_read = bool(rows) and bool(may(user, Operation.VIEW_RAW, rows[0].workspace))
    is_over = execution is not None and execution.status in Execution.MOVES.terminal
    found = []
    for row in rows:
        shown: dict[str, Any] = {
            "id": row.pk,
            "name": row.name,
            "status": row.status,
            "blocking": row.is_required,
            "checks": [_check(check) for check in row.checks.all()],
        }
        if row.status == DeliverableStatus.WAIVED:
            by = row.waived_by.get_username() if row.waived_by is not None else "somebody"
            shown |= {"waived_by": by, "waived_because": row.waive_reason, "waived_at": moments.get(row.pk)}
        elif may_waive and not is_over and row.status != DeliverableStatus.SATISFIED:
            shown["waive_url"] = reverse("deliverable-waive", args=[row.pk])
        if may_read and _is_there(row):
            shown["file_url"] = file_url(row.workspace_id, row.target)
        found.append(shown)
    return found


def deliverables_words(rows: Sequence[Deliverable]) -> str:
    """``2 of 3 hold``."""
    if not rows:
        return ""
    holding = sum(row.status in _HOLDING for row in rows)
    return f"{holding} of {len(rows)} hold{'s' if holding == 1 else ''}"


class WaiveDeliverable(SignedInView):
    """Stop asking for it, and say why."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(deliverables_visible_to(user=self.user), pk=pk)
        self.require(Operation.WAIVE, row)
        attention.waive(deliverable=row, reason=request.POST.get("reason", ""), by=self.actor, now=self.now)
        return done(request, f"{row.name} is waived.")


def _check(check: Check) -> dict[str, Any]:
    return {"status": check.status, "words": check.expected, "found": check.found, "at": check.checked_at}


def _is_there(row: Deliverable) -> bool:
    return any(check.rule == Rule.EXISTS and check.status == CheckStatus.PASSED for check in row.checks.all())


def _waived_at(ids: Sequence[int]) -> dict[int, Any]:
    rows = JournalEntry.objects.filter(kind="deliverable", object_id__in=ids, to=DeliverableStatus.WAIVED)
    return dict(rows.values_list("object_id", "at"))
