"""What is thought out ahead: it fires as if it had been thought out when it was due, and never by what has changed."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.models import Connection
from dct_site.kernel import clock
from tests.factories.accounts import make_user
from tests.factories.schedules import make_calendar, make_schedule
from tests.factories.triggers import NOON, after
from triggers.models import Delivery, Schedule, ScheduleSlot
from triggers.services import due, due_sql, listeners, schedules
from triggers.services.clock import fire_due
from triggers.services.due import look_ahead
from triggers.sources.schedule.body import SlotBody

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3_600
BY = Actor.system()


def told(row: Schedule) -> list[tuple[str, str, int]]:
    found = ScheduleSlot.objects.filter(schedule=row).order_by("slot_at", "key")
    return [(f"{slot.slot_at:%H:%M:%S}", slot.status, slot.count) for slot in found]


def body() -> SlotBody:
    return SlotBody.from_bytes(bytes(Delivery.objects.get().body))


def test_what_was_thought_out_is_written_without_a_look_at_its_settings() -> None:
    row = make_schedule(name="Report", cron="0 9 * * *", timezone="Europe/Paris")
    at = after(20 * HOUR)
    assert look_ahead(at - due.AHEAD - timedelta(seconds=1)) == 0
    assert look_ahead(at - due.AHEAD + due.RESTS_FOR) == 1
    with CaptureQueriesContext(database) as asked:
        assert fire_due(now=at + timedelta(seconds=0.3)) == 1
    assert not [one["sql"] for one in asked if "cron" in one["sql"]]
    assert told(row) == [("08:00:00", "fired", 1)]
    assert (body().title, body().slot, body().local) == ("Report", "2026-11-21T09:00", "2026-11-21T09:00")
    row.refresh_from_db()
    assert row.next_at == after(44 * HOUR)


def test_it_is_thought_out_once_and_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "AHEAD_AT_ONCE", 2)
    for _ in range(5):
        make_schedule()
    now = after(HOUR - 10)
    assert [look_ahead(now) for _ in range(4)] == [2, 2, 1, 0]
    assert look_ahead(now + due.RESTS_FOR) == 0
    with CaptureQueriesContext(database) as asked:
        assert look_ahead(now + due.RESTS_FOR) == 0
    assert len(asked) == 0  # it rests
    assert fire_due(now=after(HOUR)) == 5
    # The next slots, and those of a clock that was put back.
    assert look_ahead(after(2 * HOUR - 10)) == 2
    due.forget()
    assert look_ahead(after(2 * HOUR - 10)) == 2
    Schedule.objects.update(next_at=after(HOUR))
    assert look_ahead(after(HOUR - 10)) == 2


def test_so_many_are_kept_and_those_of_long_ago_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "MOST_AHEAD", 1)
    make_schedule()
    now = after(HOUR - 1)
    assert look_ahead(now) == 1
    make_schedule(cron="", every_s=HOUR + 2)
    assert look_ahead(now + due.RESTS_FOR) == 0
    assert look_ahead(after(HOUR) + due.FORGOTTEN_AFTER + timedelta(hours=1)) == 0
    make_schedule(cron="0 18 * * *")
    assert look_ahead(after(6 * HOUR - 1)) == 1


def renamed(row: Schedule) -> None:
    schedules.change_schedule(schedule=row, by=BY, now=after(HOUR - 5), name="Another")


def on_another_time(row: Schedule) -> None:
    schedules.change_schedule(schedule=row, by=BY, now=after(HOUR - 5), cron="30 * * * *")


def paused(row: Schedule) -> None:
    listeners.pause_listener(listener=row.listener, by=BY, now=after(HOUR - 5))


def resumed(row: Schedule) -> None:
    paused(row)
    listeners.resume_listener(listener=row.listener, by=BY, now=after(HOUR - 4))


def deleted(row: Schedule) -> None:
    schedules.delete_schedule(schedule=row, by=BY, now=after(HOUR - 5))


def switched_off(row: Schedule) -> None:
    Connection.objects.filter(pk=row.listener.connection_id).update(is_enabled=False)


def rests_today(row: Schedule) -> None:
    (calendar,) = row.calendars.all()
    schedules.change_calendar(calendar=calendar, by=BY, now=after(HOUR - 5), days="2026-11-20")


def fired_by_another(row: Schedule) -> None:
    kept = dict(due._ahead._steps)
    fire_due(now=after(HOUR))
    due._ahead._steps.update(kept)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (renamed, [("13:00:00", "fired", 1)]),
        (on_another_time, []),
        (paused, []),
        (resumed, [("13:00:00", "fired", 1)]),
        (deleted, []),
        (switched_off, [("13:00:00", "missed", 1)]),
        (rests_today, []),
        (fired_by_another, [("13:00:00", "fired", 1)]),
    ],
)
def test_what_was_changed_after_it_was_thought_out_counts(change: Callable[[Schedule], None], expected: Any) -> None:
    owner = make_user()
    calendar = make_calendar(make_schedule(owner=owner, cron="0 3 1 1 *").listener.connection, "2026-12-25")
    row = make_schedule(owner=owner, calendar_ids=[calendar.pk])
    assert look_ahead(after(HOUR - 10)) == 1
    change(row)
    fire_due(now=after(HOUR + 1))
    assert told(row) == expected
    if change is renamed:
        assert body().title == "Another"


def test_one_that_is_gone_when_it_is_thought_out_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_schedule()
    real = due_sql.seen_due

    def gone_after(*given: Any) -> Any:
        seen = real(*given)
        Schedule.objects.all().delete()
        return seen

    monkeypatch.setattr(due_sql, "seen_due", gone_after)
    assert fire_due(now=after(HOUR)) == 0
    assert told(row) == []


def test_what_is_looked_at_too_late_goes_by_its_policy() -> None:
    row = make_schedule(misfire="skip", grace_s=5)
    look_ahead(after(HOUR - 10))
    fire_due(now=after(HOUR + 6))
    assert told(row) == [("13:00:00", "missed", 1)]


def test_what_is_looked_at_when_more_is_due_fires_all_of_it() -> None:
    row = make_schedule(cron="", every_s=10, grace_s=10)
    look_ahead(after(1))
    fire_due(now=after(20))
    assert told(row) == [("12:00:10", "fired", 1), ("12:00:20", "fired", 1)]


@pytest.mark.parametrize("seed", range(6))
def test_ahead_or_not_the_same_comes_of_it(seed: int) -> None:
    rnd = random.Random(seed)
    settings: dict[str, Any] = {
        **rnd.choice([{"cron": "* * * * *"}, {"cron": "", "every_s": 10}, {"cron": "*/2 * * * *"}]),
        "misfire": rnd.choice(["skip", "run_once", "catch_up"]),
        "catch_up": 2,
        "grace_s": rnd.choice([5, 10]),
    }
    rows = [make_schedule(**settings) for _ in range(2)]
    at = 0.0
    for _ in range(24):
        at += rnd.choice([0.5, 3, 9, 20, 70])
        look_ahead(after(at))
        due._ahead._steps.pop(rows[1].pk, None)
        at += rnd.choice([0, 0.2, 8])
        fire_due(now=after(at))
    assert told(rows[0]) == told(rows[1]) != []


def test_the_engines_own_clock_looks_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    from dct_site.engine import work  # noqa: PLC0415 - it reads the settings of a process

    make_schedule()
    monkeypatch.setattr(clock, "db_now", lambda _: after(HOUR - 10))
    loop = next(one for one in work.engine_loops() if one.name == "clock")
    assert loop.work(NOON) == 0
    assert len(due._ahead._steps) == 1
