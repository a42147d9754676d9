"""What admission does to an execution, and what its trigger holds back."""

from datetime import datetime

import pytest

from agents.models import StartRequest
from agents.services import admission
from tests.factories.agents import set_limits
from tests.factories.executions import make_execution
from triggers.enums import ExecutionStatus
from triggers.models import Execution, Trigger

pytestmark = pytest.mark.django_db


def _fresh(execution: Execution) -> Execution:
    return Execution.objects.select_related("workspace", "start").get(pk=execution.pk)


def test_a_paused_triggers_execution_is_not_admitted(now: datetime) -> None:
    set_limits()
    execution = make_execution()
    Trigger.objects.update(status="paused")
    assert admission.admit(now=now) == 0
    assert _fresh(execution).status == ExecutionStatus.QUEUED


@pytest.mark.parametrize(
    ("status", "deleted", "reason"),
    [
        ("active", False, ""),
        ("paused", False, "its trigger is paused"),
        ("shadow", False, "its trigger is in shadow mode"),
        ("disabled", False, "its trigger is disabled"),
        ("active", True, "its trigger was deleted"),
    ],
)
def test_a_trigger_holds_its_starts(status: str, deleted: bool, reason: str, now: datetime) -> None:
    execution = make_execution()
    Trigger.objects.update(status=status, deleted_at=now if deleted else None)
    assert execution.start is not None
    assert admission.held_by(execution.start) == reason


def test_a_start_without_a_trigger_is_not_held(now: datetime) -> None:
    execution = make_execution()
    assert execution.start is not None
    execution.start.refs = {}
    assert admission.held_by(execution.start) == ""
    execution.start.refs = {"trigger": 10**9}
    assert admission.held_by(execution.start) == "its trigger was deleted"


def test_what_waits_too_long_expires(now: datetime) -> None:
    execution = make_execution()
    StartRequest.objects.update(expires_at=now)
    assert admission.expire_starts(now=now) == 1
    execution = _fresh(execution)
    assert execution.status == ExecutionStatus.EXPIRED
    assert execution.reason == "It waited longer than its trigger allows."
