"""Where an execution failed: one rule, in words on a row and as a filter."""

import pytest

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.executions import make_execution
from tests.triggers.api.test_triggers import Caller
from triggers.enums import ExecutionStatus, Failure, ListenerStatus, StepName, StepStatus
from triggers.models import ContextListener, Execution, ExecutionStep
from triggers.selectors.failures import OF_EXECUTIONS, failed_at, failure_of, listener_failure

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"


def failed_in(step: StepName | None, *, status: ExecutionStatus = ExecutionStatus.FAILED) -> Execution:
    """An execution whose steps before ``step`` are done; None: all of them are."""
    execution = make_execution()
    steps = ExecutionStep.objects.filter(execution=execution)
    at = list(StepName).index(step) if step else len(StepName)
    steps.filter(position__lt=at).update(status=StepStatus.DONE)
    steps.filter(position=at).update(status=StepStatus.FAILED)
    steps.filter(position__gt=at).update(status=StepStatus.SKIPPED)
    Execution.objects.filter(pk=execution.pk).update(status=status)
    return Execution.objects.get(pk=execution.pk)


EXPECTED = {
    StepName.CLONE: Failure.WORKSPACE_CREATION,
    StepName.CONTEXT: Failure.WORKSPACE_CREATION,
    StepName.DEPLOY: Failure.AGENT_DEPLOYMENT,
    StepName.WORK: Failure.DELIVERABLE_COMPLETION,
    StepName.VERIFY: Failure.DELIVERABLE_COMPLETION,
    None: Failure.DELIVERABLE_COMPLETION,
}


def test_the_row_and_the_filter_say_the_same_of_every_step() -> None:
    rows = {step: failed_in(step) for step in EXPECTED}
    other = [failed_in(StepName.WORK, status=status) for status in (ExecutionStatus.CANCELLED, ExecutionStatus.EXPIRED)]
    for failure in OF_EXECUTIONS:
        wanted = {rows[step].pk for step, found in EXPECTED.items() if found == failure}
        assert set(failed_at(Execution.objects.all(), [failure]).values_list("pk", flat=True)) == wanted
        assert {row.pk for row in rows.values() if failure_of(row) == failure} == wanted
    assert [failure_of(row) for row in other] == [None, None]
    assert not failed_at(Execution.objects.all(), [Failure.LISTENER_CONNECTION]).exists()


def test_the_api_tells_it_and_filters_by_it() -> None:
    row = failed_in(StepName.DEPLOY, status=ExecutionStatus.TIMED_OUT)
    failed_in(StepName.WORK)
    support = Caller(make_user(role=Role.SUPPORT))
    found = support.get(f"{V1}executions/?failure=agent_deployment&failure=workspace_creation").json()["results"]
    assert [(one["id"], one["failure"]) for one in found] == [(row.pk, "agent_deployment")]
    assert support.get(f"{V1}executions/?failure=bad_luck").status_code == 400


def test_the_pages_tell_it_and_narrow_the_list_by_it() -> None:
    row, other = failed_in(StepName.DEPLOY), failed_in(StepName.WORK)
    support = Caller(make_user(role=Role.SUPPORT))
    assert "Agent deployment" in support.get(f"/executions/{row.pk}/").content.decode()
    listed = support.get("/executions/?failure=agent_deployment").content.decode()
    assert (f"/executions/{row.pk}/" in listed, f"/executions/{other.pk}/" in listed) == (True, False)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (ListenerStatus.HEALTHY, None),
        (ListenerStatus.PAUSED, None),
        (ListenerStatus.SILENT, None),
        (ListenerStatus.DEGRADED, Failure.LISTENER_CONNECTION),
        (ListenerStatus.BREAKER_OPEN, Failure.LISTENER_CONNECTION),
        (ListenerStatus.CREDENTIAL_EXPIRED, Failure.LISTENER_CONNECTION),
    ],
)
def test_a_listener_that_cannot_reach_its_source_is_a_failed_connection(
    status: ListenerStatus, failure: Failure | None
) -> None:
    assert listener_failure(ContextListener(status=status)) == failure
