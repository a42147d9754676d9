"""Where an execution, or a listener, failed: derived from how far it got, stored nowhere."""

from collections.abc import Iterable, Mapping

from django.db.models import Exists, OuterRef, Q, QuerySet

from triggers.enums import ExecutionStatus, Failure, ListenerStatus, StepName, StepStatus
from triggers.models import ContextListener, Execution, ExecutionStep

FAILED = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT)
CONNECTION_FAILS = (ListenerStatus.DEGRADED, ListenerStatus.BREAKER_OPEN, ListenerStatus.CREDENTIAL_EXPIRED)
OF_STEP: Mapping[StepName, Failure] = {
    StepName.CLONE: Failure.WORKSPACE_CREATION,
    StepName.CONTEXT: Failure.WORKSPACE_CREATION,
    StepName.DEPLOY: Failure.AGENT_DEPLOYMENT,
    StepName.DELIVER_UPDATE: Failure.AGENT_DEPLOYMENT,
    StepName.WORK: Failure.DELIVERABLE_COMPLETION,
    StepName.VERIFY: Failure.DELIVERABLE_COMPLETION,
}
"""Steps run in this order; the first that is not done is where it failed."""
OF_EXECUTIONS = tuple(dict.fromkeys(OF_STEP.values()))


def failure_of(execution: Execution) -> Failure | None:
    """Where it failed or ran out of time; None for one that did neither. Reads its steps (prefetch them for lists)."""
    if execution.status not in FAILED:
        return None
    return first_undone((step.name, step.status) for step in execution.steps.all())


def first_undone(steps: Iterable[tuple[str, str]]) -> Failure:
    """The category of the first step, of (name, status), that is not done."""
    undone = {name for name, status in steps if status != StepStatus.DONE}
    return next((OF_STEP[name] for name in StepName if name in undone), Failure.DELIVERABLE_COMPLETION)


def failed_at(rows: QuerySet[Execution], failures: Iterable[str]) -> QuerySet[Execution]:
    """Those of ``rows`` that failed in one of these ways."""
    wanted = Q(pk__in=[])
    for failure in failures:
        wanted |= _failed_at(Failure(failure))
    return rows.filter(wanted, status__in=FAILED)


def _failed_at(failure: Failure) -> Q:
    if failure not in OF_EXECUTIONS:
        return Q(pk__in=[])
    earlier = OF_EXECUTIONS[: OF_EXECUTIONS.index(failure)]
    found = ~Exists(_undone(earlier))
    return Q(found) if failure == OF_EXECUTIONS[-1] else Q(found, Exists(_undone([failure])))


def _undone(failures: Iterable[Failure]) -> QuerySet[ExecutionStep]:
    names = [name for name, failure in OF_STEP.items() if failure in failures]
    return ExecutionStep.objects.filter(execution=OuterRef("pk"), name__in=names).exclude(status=StepStatus.DONE)


def listener_failure(listener: ContextListener) -> Failure | None:
    """Whether its connection fails; None while it hears, is silent or is paused."""
    return Failure.LISTENER_CONNECTION if listener.status in CONNECTION_FAILS else None
