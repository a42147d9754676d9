"""What keeps a start back whatever room there is: its trigger's rates, its item, its connection; and who is parked."""

from datetime import datetime, timedelta

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.models import AuditEntry
from agents.enums import Pool, StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.queue import queue, waiting
from agents.services import admission
from agents.services.admission.parking import parked_keys
from agents.services.values import InvalidValue
from agents.starts import Block, holds
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import make_start, set_limits
from tests.factories.workspaces import make_connection

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits(max_agents=10)


def end(start: StartRequest, now: datetime) -> None:
    for pool in Pool:
        admission.release(start=start, pool=pool, now=now)


def said(start: StartRequest, now: datetime) -> str:
    start.refresh_from_db()
    return str(waiting(start, now=now) or start.status)


class TestRates:
    def test_a_trigger_begins_so_many_an_hour_and_tells_when_the_next_may(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        wishes = [make_start(subject, concurrency_key="trigger:1", per_hour=2) for subject in (1, 2, 3)]
        admission.admit(now=now, limit=1)
        admission.admit(now=now + timedelta(minutes=10))
        end(wishes[0], now)  # that one has ended frees no place in the hour
        assert handler.started == [1, 2]
        assert admission.admit(now=now + timedelta(minutes=59)) == 0
        told = "the trigger began 2 of 2 runs that it may within an hour; the next may start at 13:00"
        assert said(wishes[2], now + timedelta(minutes=20)) == told
        at = now + HOUR
        admission.expire_starts(now=at)
        assert admission.admit(now=at) == 1
        assert handler.started == [1, 2, 3]

    def test_of_an_hour_and_a_day_the_tighter_one_holds(self, handler: RecordingHandler, now: datetime) -> None:
        wishes = [make_start(subject, concurrency_key="trigger:1", per_hour=2, per_day=3) for subject in range(1, 6)]
        admission.admit(now=now)
        admission.sweep_parked(now=now + HOUR)
        admission.admit(now=now + HOUR)
        assert handler.started == [1, 2, 3]
        told = "the trigger began 3 of 3 runs that it may within a day; the next may start at 2026-11-21 12:00"
        assert said(wishes[3], now + 3 * HOUR) == told

    def test_a_lowered_rate_waits_until_so_many_have_left_the_window(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        for minute in (0, 10, 20):
            make_start(minute, concurrency_key="trigger:1", per_hour=9)
            admission.admit(now=now + timedelta(minutes=minute))
        late = make_start(99, concurrency_key="trigger:1", per_hour=2)
        admission.admit(now=now + timedelta(minutes=30))
        assert said(late, now + timedelta(minutes=30)).endswith("the next may start at 13:10")
        for minute, begun in ((69, 0), (70, 1)):
            admission.sweep_parked(now=now + timedelta(minutes=minute))
            assert admission.admit(now=now + timedelta(minutes=minute)) == begun

    def test_another_attempt_is_no_other_run(self, handler: RecordingHandler, now: datetime) -> None:
        first = make_start(1, concurrency_key="trigger:1", per_hour=1)
        admission.admit(now=now)
        end(first, now)
        make_start(1, concurrency_key="trigger:1", per_hour=1, is_resumed=True)
        assert admission.admit(now=now) == 1

    def test_another_trigger_has_its_own(self, handler: RecordingHandler, now: datetime) -> None:
        for subject in (1, 2):
            make_start(subject, concurrency_key=f"trigger:{subject}", per_hour=1)
        assert admission.admit(now=now) == 2


class TestKeys:
    def test_one_item_has_so_many_runs_of_whatever_trigger(self, handler: RecordingHandler, now: datetime) -> None:
        first = make_start(1, concurrency_key="trigger:1", item_key="item:5")
        second = make_start(2, concurrency_key="trigger:2", item_key="item:5", item_limit=1)
        make_start(3, concurrency_key="trigger:2", item_key="item:6", item_limit=1)
        admission.admit(now=now)
        assert handler.started == [1, 3]
        assert said(second, now) == "its item has 1 of 1 runs that it may have at once"
        end(first, now)
        admission.admit(now=now)
        assert handler.started == [1, 3, 2]

    def test_a_connection_has_so_many_and_a_raised_limit_holds_at_once(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        connection = make_connection(max_concurrent=1)
        key = f"connection:{connection.pk}"
        wishes = [make_start(subject, connection_key=key) for subject in (1, 2, 3)]
        admission.admit(now=now)
        assert handler.started == [1]
        assert said(wishes[1], now) == "its connection has 1 of 1 runs that it may have at once"
        connection.max_concurrent = 2
        connection.save()
        assert admission.unpark(key=key, now=now) == 1
        admission.admit(now=now)
        assert handler.started == [1, 2]

    def test_who_finds_another_door_shut_waits_there_and_lets_the_next_through(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        make_start(9, item_key="item:5")
        running = make_start(1, priority=9, concurrency_key="trigger:1", key_limit=1)
        stuck = make_start(2, priority=8, concurrency_key="trigger:1", key_limit=1, item_key="item:5", item_limit=1)
        make_start(3, concurrency_key="trigger:1", key_limit=1)
        admission.admit(now=now)
        end(running, now)
        stuck.refresh_from_db()
        assert (stuck.status, stuck.parked_for) == (StartStatus.PARKED, "item:5")
        admission.admit(now=now)
        assert handler.started == [1, 9, 3]

    def test_of_two_that_fit_one_by_one_only_the_first_is_woken(self, handler: RecordingHandler, now: datetime) -> None:
        running = make_start(1, concurrency_key="trigger:1", key_limit=1)
        for subject in (2, 3):
            make_start(subject, concurrency_key="trigger:1", key_limit=1)
        admission.admit(now=now)
        end(running, now)
        assert StartRequest.objects.filter(status=StartStatus.WAITING).count() == 1


class TestTooLarge:
    def test_what_no_limit_allows_is_parked_until_the_limits_change(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        set_limits(max_agents=2)
        wish = make_start(1, agents=3)
        assert admission.admit(now=now) == 0
        assert said(wish, now) == "it needs 3 agent slots; at most 2 may be used"
        admission.sweep_parked(now=now)
        wish.refresh_from_db()
        assert wish.parked_for == "limits"
        admission.update_limits(by=Actor.system(), now=now, version=Limits.objects.get().version, max_agents=3)
        assert admission.admit(now=now) == 1


class TestPause:
    def test_it_keeps_who_when_and_why_until_it_ends(self, now: datetime) -> None:
        limits = admission.pause_all(by=Actor.system("ops"), now=now, reason=" The model is down ")
        limits.refresh_from_db()
        assert (limits.paused_by, limits.paused_at, limits.pause_reason) == ("ops", now, "The model is down")
        assert AuditEntry.objects.get().after == {"is_paused": True, "reason": "The model is down"}
        limits = admission.resume_all(by=Actor.system("ops"), now=now)
        limits.refresh_from_db()
        assert (limits.paused_by, limits.paused_at, limits.pause_reason) == ("", None, "")


def test_a_share_that_everything_may_use_is_refused(now: datetime) -> None:
    limits = set_limits(reserved_percent=25)
    with pytest.raises(InvalidValue, match="nothing is kept"):
        admission.update_limits(by=Actor.system(), now=now, version=limits.version, reserved_from_priority=1)
    with_none = {"reserved_from_priority": 1, "reserved_percent": 0}
    admission.update_limits(by=Actor.system(), now=now, version=limits.version, **with_none)


class TestParked:
    """Ten thousand that wait behind a key cost those that may go nothing."""

    MANY = 10_000

    @pytest.fixture
    def _crowd(self, now: datetime) -> None:
        make_start(1, concurrency_key="trigger:1", key_limit=1)
        admission.admit(now=now)
        crowd = [
            StartRequest(
                kind="test", subject_id=subject, queued_at=now, concurrency_key="trigger:1", key_limit=1, priority=9
            )
            for subject in range(1_000, 1_000 + self.MANY)
        ]
        admission.request_starts(wishes=crowd, now=now)
        while StartRequest.objects.filter(status=StartStatus.WAITING).exists():
            admission.admit(now=now)

    @pytest.mark.usefixtures("_crowd")
    def test_an_admission_neither_asks_more_nor_reads_one_of_them(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        assert StartRequest.objects.filter(status=StartStatus.PARKED).count() == self.MANY
        make_start(2)
        with CaptureQueriesContext(database) as beside_many:
            assert admission.admit(now=now) == 1
        StartRequest.objects.filter(status=StartStatus.PARKED).update(status=StartStatus.CANCELLED)
        make_start(3)
        with CaptureQueriesContext(database) as alone:
            assert admission.admit(now=now) == 1
        assert len(beside_many) == len(alone)

    @pytest.mark.usefixtures("_crowd")
    def test_the_clock_looks_at_one_page_of_them(self, now: datetime) -> None:
        with CaptureQueriesContext(database) as asked:
            assert admission.sweep_parked(now=now) == 0
        assert len(asked) <= 12
        assert parked_keys() == ["trigger:1"]

    @pytest.mark.skipif("database.vendor != 'sqlite'", reason="counts SQLite's steps")
    @pytest.mark.usefixtures("_crowd")
    def test_sqlite_takes_few_steps_beside_them(self, handler: RecordingHandler, now: datetime) -> None:
        make_start(2)
        steps = [0]

        def count() -> int:
            steps[0] += 1
            return 0

        database.connection.set_progress_handler(count, 100)
        try:
            admission.admit(now=now)
        finally:
            database.connection.set_progress_handler(None, 0)
        assert steps[0] < self.MANY / 100, "it has read them all"


def test_each_key_with_parked_starts_is_found_once(
    handler: RecordingHandler, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = {subject: Block(f"thing:{subject % 3}", "no") for subject in range(6)}
    monkeypatch.setitem(holds._entries, "test", lambda wanted: {one.pk: blocks[one.subject_id] for one in wanted})
    for subject in range(6):
        make_start(subject)
    admission.admit(now=now)
    assert parked_keys() == ["thing:0", "thing:1", "thing:2"]


def test_what_an_older_version_parked_is_looked_at_again(handler: RecordingHandler, now: datetime) -> None:
    start = make_start(1)
    StartRequest.objects.filter(pk=start.pk).update(status=StartStatus.PARKED, parked_for="")
    assert admission.sweep_parked(now=now) == 1
    assert admission.admit(now=now) == 1


class TestAgeing:
    def test_waiting_raises_a_priority_by_two_at_most(self, handler: RecordingHandler, now: datetime) -> None:
        set_limits(max_agents=10, ageing_s=300, reserved_from_priority=8)
        make_start(3, priority=3, now=now)
        make_start(1, priority=1, now=now)
        at = now + timedelta(days=1)
        for subject in (4, 5, 6):
            make_start(subject, priority=subject, now=at)
        admission.admit(now=at)
        assert handler.started == [6, 3, 5, 4, 1]

    def test_each_step_takes_its_time(self, handler: RecordingHandler, now: datetime) -> None:
        set_limits(max_agents=10, ageing_s=300)
        make_start(1, priority=4, now=now)
        at = now + timedelta(seconds=299)
        make_start(2, priority=5, now=at)
        assert [one.start.subject_id for one in queue(now=at)] == [2, 1]
        assert [one.start.subject_id for one in queue(now=at + timedelta(seconds=1))] == [1, 2]

    def test_it_never_leads_past_the_priorities_of_the_reserved_share_nor_into_it(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        set_limits(max_agents=4, reserved_percent=25, reserved_from_priority=8, ageing_s=300)
        for subject in range(4):
            make_start(subject, priority=7, now=now)
        at = now + timedelta(days=1)
        make_start(8, priority=8, now=at)
        admission.admit(now=at)
        assert handler.started == [8, 0, 1, 2]

    def test_without_ageing_the_order_stays(self, handler: RecordingHandler, now: datetime) -> None:
        set_limits(max_agents=10, ageing_s=0)
        make_start(1, priority=4, now=now)
        make_start(2, priority=5, now=now + timedelta(days=1))
        admission.admit(now=now + timedelta(days=1))
        assert handler.started == [2, 1]

    def test_the_position_of_one_is_that_of_the_list(self, handler: RecordingHandler, now: datetime) -> None:
        set_limits(max_agents=0, ageing_s=300, reserved_from_priority=8)
        for subject in range(30):
            at = now + timedelta(seconds=50 * subject)
            make_start(subject, priority=1 + subject * 7 % 10, now=at)
        at = now + timedelta(seconds=50 * 30)
        rows = queue(now=at)
        told = [waiting(one.start, now=at) for one in rows]
        assert [one.position for one in told if one] == [one.position for one in rows] == list(range(1, 31))
