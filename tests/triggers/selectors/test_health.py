"""What health tells: failures, deliveries that cannot be decided, the disk, secrets whose key is not there."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from django.test import override_settings

from accounts.models import Secret
from dct_site.diagnosis.findings import Standing
from dct_site.diagnosis.services import look_at_database
from dct_site.first_steps import warnings
from tests.factories.accounts import make_user
from tests.factories.agents import make_start
from tests.factories.executions import make_execution, make_running_trigger
from tests.factories.triggers import NOON, make_delivery, make_watch
from tests.factories.workspaces import make_connection
from tests.factories.world import make_world
from triggers.enums import DeliveryStatus, ExecutionStatus, WatchStatus
from triggers.models import DeliveryOutcome, Execution, Watch
from triggers.selectors.health import health, secrets_under_lost_keys

pytestmark = pytest.mark.django_db
DISK = {"disk", "data_directory"}


def lose_the_key_of(*names: str) -> None:
    """Secrets of these connections under a key that nobody has any more."""
    with override_settings(DCT_ENCRYPTION_KEYS=Fernet.generate_key().decode()):
        for name in names:
            secret(name)


def secret(name: str) -> None:
    connection = make_connection(name=name)
    Secret.objects.create(connection=connection, name="webhook", value="canary", created_at=NOON)


def test_with_every_key_there_nothing_is_told() -> None:
    secret("Ferries")
    assert secrets_under_lost_keys() == []
    assert warnings() == []


def test_a_lost_key_is_told_by_health_the_start_and_the_doctor_with_what_to_do() -> None:
    lose_the_key_of("Ferries")
    secret("Trains")
    told = [reason for reason in health(now=NOON).reasons if reason.code == "wrong_key"]
    assert len(told) == 1
    assert "Ferries" in told[0].text
    assert "Trains" not in told[0].text
    assert "DCT_ENCRYPTION_KEYS" in told[0].advice
    assert warnings() == [f"{told[0].text} {told[0].advice}"]
    (finding,) = [found for found in look_at_database() if found.what == "Encryption key"]
    assert (finding.standing, "Ferries" in finding.detail) == (Standing.FAIL, True)


def end(status: ExecutionStatus, count: int, *, at: datetime = NOON) -> None:
    trigger = make_running_trigger()
    for _ in range(count):
        Execution.objects.filter(pk=make_execution(trigger=trigger).pk).update(status=status, ended_at=at)


@pytest.mark.parametrize(
    ("failed", "succeeded", "state"), [(0, 3, None), (4, 0, "warning"), (5, 6, "warning"), (5, 5, "error")]
)
def test_executions_that_failed_are_told_and_are_an_error_when_they_are_many(
    failed: int, succeeded: int, state: str | None
) -> None:
    end(ExecutionStatus.TIMED_OUT, failed)
    end(ExecutionStatus.SUCCEEDED, succeeded)
    end(ExecutionStatus.FAILED, 1, at=NOON - timedelta(hours=2))
    found = {reason.code: reason for reason in health(now=NOON).reasons}
    assert (found["failures"].state if "failures" in found else None) == state
    if state:
        assert found["failures"].text == f"{failed} of {failed + succeeded} executions failed in the last hour."


def test_deliveries_that_could_not_be_decided_are_told() -> None:
    delivery = make_delivery(make_connection())
    DeliveryOutcome.objects.create(delivery=delivery, status=DeliveryStatus.ERROR, decided_at=NOON)
    assert "poison" in {reason.code for reason in health(now=NOON + timedelta(minutes=59)).reasons}
    assert "poison" not in {reason.code for reason in health(now=NOON + timedelta(minutes=61)).reasons}


@pytest.mark.parametrize(
    ("free", "state", "words"),
    [
        (50, None, ""),
        (4, "warning", "4% of the disk is free: no new workspaces are made."),
        (1, "error", "1% of the disk is free: webhooks are turned away."),
        (None, "error", "The data directory cannot be read."),
    ],
)
def test_a_disk_that_gets_full_is_told_with_what_stops(
    free: int | None, state: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(_: object) -> SimpleNamespace:
        if free is None:
            raise OSError
        return SimpleNamespace(total=100, free=free)

    monkeypatch.setattr("shutil.disk_usage", usage)
    found = [(reason.state, reason.text) for reason in health(now=NOON).reasons if reason.code in DISK]
    assert found == ([(state, words)] if state else [])


def test_of_many_connections_five_are_named() -> None:
    lose_the_key_of(*(f"c{number}" for number in range(8)))
    (reason,) = secrets_under_lost_keys()
    assert "c0, c1, c2, c3, c4 and 3 more" in reason.text


def test_a_backlog_is_told_with_its_pace_and_is_not_called_a_long_wait() -> None:
    make_start(1, kind="execution", backlog_turn=1, now=NOON)
    (told,) = [one for one in health(now=NOON + timedelta(hours=1)).reasons if one.code in {"backlog", "long_wait"}]
    assert (told.state, told.code) == ("warning", "backlog")
    assert told.text == "1 execution of an old event waits; fresh ones go first. None has begun yet."


def test_what_is_fresh_and_waits_long_is_told_as_ever() -> None:
    make_start(1, kind="execution", now=NOON)
    assert "long_wait" in {reason.code for reason in health(now=NOON + timedelta(minutes=11)).reasons}


@pytest.mark.parametrize(("late", "is_told"), [(10, False), (11, True)])
def test_a_watch_that_the_clock_does_not_take_is_told(late: int, is_told: bool) -> None:
    world = make_world(make_user())
    Watch.objects.filter(pk=world.watch.pk).update(due_at=NOON - timedelta(seconds=late))
    make_watch(world.trigger, world.event, condition="b", status=WatchStatus.DISARMED, due_at=NOON - timedelta(hours=1))
    told = [reason.text for reason in health(now=NOON).reasons if reason.code == "overdue_watch"]
    words = f"1 armed watches have been due for longer than 10 s ({world.watch.pk})."
    assert told == ([words] if is_told else [])
