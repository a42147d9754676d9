"""The lease on a launch: who prepares an execution, until when, and the fence that refuses anybody else's writes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q

from dct_site.kernel.moves import LostRace
from triggers.enums import ExecutionStatus, StepName
from triggers.models import Execution
from triggers.services import steps
from triggers.services.stopwatch import Stopwatch

LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Lease:
    """One launcher's right to an execution in ``starting``."""

    execution_id: int
    owner: str
    epoch: int
    takeovers: int
    watch: Stopwatch

    def now(self) -> datetime:
        return self.watch.now()

    def hold(self) -> Execution:
        """The execution, locked in the caller's transaction; LostRace where it moved on or somebody else has it."""
        execution = Execution.objects.select_for_update().get(pk=self.execution_id)
        mine = (execution.status, execution.epoch, execution.lease_owner)
        if mine != (ExecutionStatus.STARTING, self.epoch, self.owner):
            raise LostRace(f"execution {self.execution_id} is no longer launched by {self.owner}")
        return execution

    def renew(self) -> None:
        """In the caller's transaction, after ``hold``."""
        Execution.objects.filter(pk=self.execution_id).update(lease_until=self.now() + LEASE)


def claimable(now: datetime) -> models.QuerySet[Execution]:
    """Executions to launch that nobody has, the most urgent first."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return Execution.objects.filter(free, status=ExecutionStatus.STARTING).order_by("-priority", "id")


def claim(execution: Execution, *, owner: str, now: datetime) -> Lease | None:
    """Take the lease with a new epoch; None where somebody else was first."""
    epoch = execution.epoch + 1
    # A lease with an owner that ran out: that launcher died, perhaps of this very execution.
    takeovers = execution.takeovers + bool(execution.lease_owner)
    with transaction.atomic():
        taken = (
            claimable(now)
            .filter(pk=execution.pk, epoch=execution.epoch)
            .order_by()
            .update(epoch=epoch, lease_owner=owner, lease_until=now + LEASE, takeovers=takeovers)
        )
        if taken:
            steps.begin(execution, StepName.CLONE, at=now)
    return Lease(execution.pk, owner, epoch, takeovers, Stopwatch(now)) if taken else None
