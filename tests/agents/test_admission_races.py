"""Admission when somebody else was quicker."""

import sys
import threading
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.actor import Actor
from agents.enums import StartStatus
from agents.models import SlotHolder, StartRequest
from agents.services import admission
from dct_site.kernel import journal
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import set_limits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()


def test_a_pause_of_everything_twice_is_one_pause(now: datetime) -> None:
    before = admission.pause_all(by=Actor.system(), now=now).version
    assert admission.pause_all(by=Actor.system(), now=now).version == before


def test_wishes_of_one_transaction_are_made_together(now: datetime) -> None:
    wishes = [StartRequest(kind="test", subject_id=number, queued_at=now) for number in (1, 2)]
    assert len(admission.request_starts(wishes=wishes, now=now)) == 2
    assert admission.admit(now=now) == 2


def test_two_who_wish_at_once_get_one_wish(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    first = admission.request_start(kind="test", subject_id=1, priority=5, now=now)
    monkeypatch.setattr(QuerySet, "first", lambda rows: None)  # the other one's is not seen yet
    assert admission.request_start(kind="test", subject_id=1, priority=5, now=now) == first


def test_a_pause_between_the_look_and_the_lock_starts_nothing(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    admission.request_start(kind="test", subject_id=1, priority=5, now=now)
    module, locking = sys.modules["agents.services.admission.admit"], admission.lock_capacity

    def paused_first() -> Any:
        monkeypatch.setattr(module, "lock_capacity", locking)
        admission.pause_all(by=Actor.system(), now=now)
        return locking()

    monkeypatch.setattr(module, "lock_capacity", paused_first)
    assert admission.admit(now=now) == 0


def test_a_wish_that_was_cancelled_while_it_expired_stays_cancelled(
    now: datetime, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        admission.request_start(kind="test", subject_id=subject, priority=5, now=now, expires_at=now)
        for subject in (1, 2)
    )

    def cancel_the_other(start: StartRequest, now: datetime) -> None:
        admission.cancel_start(start=second, now=now, reason="not wanted")

    monkeypatch.setattr(handler, "on_expired", cancel_the_other)
    assert admission.expire_starts(now=now) == 1
    statuses = StartRequest.objects.order_by("subject_id").values_list("status", flat=True)
    assert list(statuses) == [StartStatus.EXPIRED, StartStatus.CANCELLED]
    assert first.pk != second.pk


def test_a_start_that_was_cancelled_while_it_was_admitted_takes_no_slot(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        admission.request_start(kind="test", subject_id=subject, priority=5, now=now) for subject in (1, 2)
    )

    admitting = sys.modules["agents.services.admission.admit"]
    start = admitting._start

    def cancel_the_other(*args: Any) -> Any:
        monkeypatch.setattr(admitting, "_start", start)
        admission.cancel_start(start=second, now=now, reason="not wanted")
        return start(*args)

    monkeypatch.setattr(admitting, "_start", cancel_the_other)
    assert admission.admit(now=now) == 1
    statuses = StartRequest.objects.order_by("subject_id").values_list("status", flat=True)
    assert list(statuses) == [StartStatus.ADMITTED, StartStatus.CANCELLED]
    assert set(SlotHolder.objects.values_list("start", flat=True)) == {first.pk}
    lines = journal.rows().filter(kind="start", object_id=second.pk).order_by("id")
    assert [(line.to, line.reason) for line in lines][-1] == (StartStatus.CANCELLED, "not wanted")


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_two_that_free_one_key_at_once_do_not_wait_for_each_other(now: datetime) -> None:
    wishes = [admission.request_start(kind="test", subject_id=subject, priority=5, now=now) for subject in range(1, 4)]
    StartRequest.objects.update(status=StartStatus.PARKED, parked_for="thing:1")
    with transaction.atomic():
        StartRequest.objects.select_for_update().get(pk=wishes[0].pk)
        found: list[int] = []

        def free() -> None:
            found.append(admission.unpark(key="thing:1", now=now))
            connection.close()

        other = threading.Thread(target=free)
        other.start()
        other.join(20)
        assert found == [2], "it waits for who holds the first of them"
    assert admission.unpark(key="thing:1", now=now) == 1


def test_many_that_break_do_not_hold_the_lock_for_ever(
    now: datetime, handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_limits(max_agents=1)
    monkeypatch.setattr(sys.modules["agents.services.admission.admit"], "MOST_PASSES", 2)
    for subject in (1, 2, 3):
        admission.request_start(kind="test", subject_id=subject, priority=5, now=now)
    handler.failure = {subject: RuntimeError("a bug") for subject in (1, 2)}
    assert [admission.admit(now=now), admission.admit(now=now)] == [0, 1]
    assert handler.started == [3]
