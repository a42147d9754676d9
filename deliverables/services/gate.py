"""The completion gate: no agent is done before every required deliverable holds, is waived, or a person decides."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from dct_site.kernel import moves
from deliverables.enums import CheckStatus, DeliverableStatus
from deliverables.models import Check, Deliverable
from deliverables.rules.base import CheckResult
from deliverables.rules.judging import judge
from deliverables.services.expiry import expire_due
from deliverables.services.looking import look_at
from workspaces import files
from workspaces.models import Workspace

__all__ = ["FailingCheck", "GateResult", "evaluate", "expire_due"]

# What the gate does not judge: a person has decided, or the time is over.
SETTLED = (DeliverableStatus.WAIVED, DeliverableStatus.EXPIRED)


@dataclass(frozen=True, slots=True)
class FailingCheck:
    """Why a required deliverable blocks, as a sentence an agent can act on."""

    deliverable_id: int
    deliverable: str
    rule: str
    reason: str

    def __str__(self) -> str:
        return f"{self.deliverable}: {self.reason}"


@dataclass(frozen=True, slots=True)
class GateResult:
    """``holds`` when nothing required is failing. What is not required is judged and shown, but blocks nothing."""

    holds: bool
    failing: list[FailingCheck]


def evaluate(*, workspace: Workspace, now: datetime) -> GateResult:
    """Judge every open deliverable of the workspace against its files and store the verdicts.

    Reads files outside of the transaction: must not be called inside one. A workspace without deliverables holds.
    """
    root = files.root_of(workspace)
    rows = list(Deliverable.objects.filter(workspace=workspace))
    judged = {
        row.pk: judge(
            look_at(root, row.target, whole=bool(row.rules.get("format"))),
            kind=row.kind,
            target=row.target,
            rules=row.rules,
            baseline=row.baseline_checksum,
        )
        for row in rows
        if row.status not in SETTLED
    }
    with transaction.atomic():
        for row in rows:
            if row.pk in judged:
                _store(row, judged[row.pk], now)
        current = list(Deliverable.objects.filter(workspace=workspace))
    failing = [reason for row in current if row.is_required for reason in _failing(row, judged.get(row.pk, []))]
    return GateResult(holds=not failing, failing=failing)


def _store(row: Deliverable, results: list[CheckResult], now: datetime) -> None:
    holds = all(result.status == CheckStatus.PASSED for result in results)
    to = DeliverableStatus.SATISFIED if holds else DeliverableStatus.UNSATISFIED
    reason = "; ".join(result.found for result in results if _blocks(result))
    try:
        if row.status != to:
            moves.move(row, to, now=now, reason=reason)
    except moves.LostRace:  # waived or expired since it was read: that stands
        return
    Deliverable.objects.filter(pk=row.pk).update(checked_at=now)
    for result in results:
        Check.objects.filter(deliverable=row, rule=result.rule).update(
            status=result.status, found=result.found[:1000], checked_at=now
        )


def _blocks(result: CheckResult) -> bool:
    return result.status in (CheckStatus.FAILED, CheckStatus.ERROR)


def _failing(row: Deliverable, results: list[CheckResult]) -> list[FailingCheck]:
    if row.status == DeliverableStatus.EXPIRED:
        return [FailingCheck(row.pk, row.name, "deadline", f"{row.target} was not there by its deadline")]
    if row.status != DeliverableStatus.UNSATISFIED:
        return []
    return [FailingCheck(row.pk, row.name, result.rule, result.found) for result in results if _blocks(result)]
