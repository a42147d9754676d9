"""The rows that show how far an execution is: its steps and its attempts."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Value
from django.db.models.functions import Coalesce

from dct_site.kernel.rows import append
from triggers.enums import ExecutionStatus, StepName, StepStatus
from triggers.models import Attempt, Execution, ExecutionStep

OF_A_LAUNCH = (StepName.CLONE, StepName.CONTEXT, StepName.DEPLOY, StepName.WORK, StepName.VERIFY)


def lay_out(executions: Iterable[Execution]) -> None:
    """Make the rows of the steps of new executions."""
    append(
        ExecutionStep,
        ("execution_id", "name", "position"),
        [(execution.pk, name, position) for execution in executions for position, name in enumerate(OF_A_LAUNCH)],
    )


def leave_out(execution: Execution, *names: StepName) -> None:
    """These are not a part of its way."""
    ExecutionStep.objects.filter(execution=execution, name__in=names).delete()


def begin_delivery(execution: Execution, *, at: datetime) -> None:
    """Its update is on the way to an agent at work, in the place of what others clone and deploy."""
    leave_out(execution, StepName.CLONE, StepName.DEPLOY)
    defaults = {
        "position": OF_A_LAUNCH.index(StepName.DEPLOY),
        "status": StepStatus.RUNNING,
        "started_at": at,
        "ended_at": None,
        "error": "",
    }
    ExecutionStep.objects.update_or_create(execution=execution, name=StepName.DELIVER_UPDATE, defaults=defaults)


def begin_anew(execution: Execution) -> None:
    """All that a launch does is before it again."""
    rows = ExecutionStep.objects.filter(execution=execution)
    rows.filter(name=StepName.DELIVER_UPDATE).delete()
    rows.update(status=StepStatus.PENDING, started_at=None, ended_at=None, error="")
    known = set(rows.values_list("name", flat=True))
    ExecutionStep.objects.bulk_create(
        ExecutionStep(execution=execution, name=name, position=position)
        for position, name in enumerate(OF_A_LAUNCH)
        if name not in known
    )


def take_back_attempt(execution: Execution) -> None:
    """It only looked whether an agent is at work: that was no attempt. The caller's row has its number still."""
    Attempt.objects.filter(execution=execution, number=execution.attempt, ended_at=None).delete()


def begin(execution: Execution, name: StepName, *, at: datetime) -> None:
    """The step runs (again); it keeps the time of its first beginning."""
    ExecutionStep.objects.filter(execution=execution, name=name).update(
        status=StepStatus.RUNNING, started_at=Coalesce("started_at", Value(at)), ended_at=None, error=""
    )


def end(execution: Execution, name: StepName, *, at: datetime, status: StepStatus = StepStatus.DONE) -> None:
    """The step is over; what is done stays done."""
    rows = ExecutionStep.objects.filter(execution=execution, name=name).exclude(status=StepStatus.DONE)
    rows.update(status=status, started_at=Coalesce("started_at", Value(at)), ended_at=at)


def done(execution: Execution, name: StepName, *, began: datetime, ended: datetime) -> None:
    """A step that began and ended before anybody was told; it keeps the time of its first beginning."""
    ExecutionStep.objects.filter(execution=execution, name=name).update(
        status=StepStatus.DONE, started_at=Coalesce("started_at", Value(began)), ended_at=ended, error=""
    )


def break_off(execution: Execution, *, at: datetime, error: str) -> None:
    """Whatever step runs failed with ``error``; what did not begin is skipped where the execution has ended."""
    rows = ExecutionStep.objects.filter(execution=execution)
    rows.filter(status=StepStatus.RUNNING).update(status=StepStatus.FAILED, ended_at=at, error=error[:1000])
    if execution.status in Execution.MOVES.terminal:
        rows.filter(status=StepStatus.PENDING).update(status=StepStatus.SKIPPED)


def begin_attempt(execution: Execution, *, at: datetime) -> None:
    """Open the attempt, once: its number comes with the move that began it."""
    append(Attempt, ("execution_id", "number", "started_at"), [(execution.pk, execution.attempt, at)])


def end_attempt(execution: Execution, *, at: datetime, outcome: ExecutionStatus, error: str = "") -> None:
    """Close the running attempt, if there is one."""
    Attempt.objects.filter(execution=execution, number=execution.attempt, ended_at=None).update(
        ended_at=at, outcome=outcome, error=error[:1000]
    )


def rewind(execution: Execution, name: StepName) -> None:
    """The step is to be done again later."""
    ExecutionStep.objects.filter(execution=execution, name=name).update(
        status=StepStatus.PENDING, ended_at=None, error=""
    )
