"""What admission does to an execution, and what its trigger holds back."""

from datetime import datetime

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from agents.models import StartRequest
from agents.selectors.queue import waiting
from agents.services import admission
from tests.factories.agents import set_limits
from tests.factories.executions import make_event, make_execution
from tests.factories.workspaces import make_item
from triggers.enums import ExecutionStatus
from triggers.models import Execution, Trigger
from triggers.services.connections import pause_connection, resume_connection

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


def test_a_start_says_its_keys_and_the_limits_of_its_trigger(now: datetime) -> None:
    item = make_item()
    execution = make_execution(
        event=make_event(item),
        limits={"max_concurrent": 4, "max_concurrent_per_item": 2, "max_per_hour": 5, "max_per_day": 6},
    )
    start = execution.start
    assert start is not None
    assert (start.concurrency_key, start.key_limit) == (f"trigger:{execution.trigger_id}", 4)
    assert (start.item_key, start.item_limit) == (f"item:{item.pk}", 2)
    assert (start.per_hour, start.per_day) == (5, 6)
    assert start.connection_key == f"connection:{item.connection_id}"


def test_an_event_about_no_item_has_no_limit_of_one(now: datetime) -> None:
    event = make_event()
    event.item = None
    event.save()
    start = make_execution(event=event, limits={"max_concurrent_per_item": 2}).start
    assert start is not None
    assert (start.item_key, start.item_limit) == ("", None)


class TestPausedConnection:
    def test_after_its_pause_nothing_starts_that_waits_because_of_it(self, now: datetime) -> None:
        set_limits()
        execution = make_execution()
        connection = execution.event.connection
        pause_connection(connection=connection, by=Actor.system("ops"), now=now, reason="It floods us")
        connection.refresh_from_db()
        assert (connection.paused_by, connection.paused_at, connection.pause_reason) == ("ops", now, "It floods us")
        assert admission.admit(now=now) == 0
        start = StartRequest.objects.get()
        assert start.parked_for == f"connection:{connection.pk}"
        assert str(waiting(start, now=now)) == f"its connection is paused: {connection.name}"
        assert AuditEntry.objects.get(action="connection.changed").after == {
            "is_paused": True,
            "reason": "It floods us",
        }

    def test_its_end_lets_them_go_on(self, now: datetime) -> None:
        set_limits()
        execution = make_execution()
        connection = execution.event.connection
        pause_connection(connection=connection, by=Actor.system(), now=now)
        admission.admit(now=now)
        resume_connection(connection=connection, by=Actor.system(), now=now)
        assert (connection.paused_by, connection.paused_at, connection.pause_reason) == ("", None, "")
        assert admission.admit(now=now) == 1

    def test_a_start_without_a_connection_is_not_held(self, now: datetime) -> None:
        execution = make_execution()
        pause_connection(connection=execution.event.connection, by=Actor.system(), now=now)
        assert execution.start is not None
        execution.start.refs = {}
        assert admission.held_by(execution.start) == ""


def test_what_waits_too_long_expires(now: datetime) -> None:
    execution = make_execution()
    StartRequest.objects.update(expires_at=now)
    assert admission.expire_starts(now=now) == 1
    execution = _fresh(execution)
    assert execution.status == ExecutionStatus.EXPIRED
    assert execution.reason == "It waited longer than its trigger allows."
