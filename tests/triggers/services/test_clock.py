"""The clock: each slot becomes one event; what was missed is settled by its policy; pause, resume, switched off."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.enums import Source
from tests.factories.accounts import make_user
from tests.factories.schedules import make_calendar, make_schedule
from tests.factories.triggers import NOON, after, make_trigger
from triggers.enums import DeliveryStatus, Origin, Outcome, SlotStatus, Suppression
from triggers.models import Decision, Delivery, DeliveryOutcome, Event, Execution, Schedule, ScheduleSlot
from triggers.schedules import misfires
from triggers.services import clock, listeners, schedules, standing
from triggers.services.clock import fire_due, forget_slots
from triggers.services.decide.pending import decide_pending
from triggers.services.explain import explain
from triggers.services.intake import Incoming, accept
from triggers.sources.schedule.body import SLOT
from workspaces.enums import TrustTier

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3_600
BY = Actor.system()


def slots(row: Schedule) -> list[tuple[str, str, int]]:
    """(hour and minute, what became of it, how many) in order."""
    found = ScheduleSlot.objects.filter(schedule=row).order_by("slot_at", "key")
    return [(f"{slot.slot_at:%H:%M}", slot.status, slot.count) for slot in found]


def decide_all(now: datetime) -> None:
    while decide_pending(now=now):
        pass


def test_a_slot_becomes_one_event_and_the_trigger_that_listens_fires() -> None:
    row = make_schedule(name="Morning report", cron="0 9 * * *", timezone="Europe/Paris")
    trigger = make_trigger(item=row.listener.item, owner=row.listener.connection.owner)
    at = datetime.fromisoformat("2026-11-21T08:00:00.300+00:00")

    assert fire_due(now=at - timedelta(seconds=1)) == 0
    assert fire_due(now=at) == 1
    assert fire_due(now=at) == 0
    decide_all(at)

    event = Event.objects.get()
    assert (event.type, event.source, event.origin) == (SLOT, Source.SCHEDULE, Origin.TIMER)
    assert event.item == row.listener.item
    assert event.time == datetime.fromisoformat("2026-11-21T08:00:00+00:00")
    assert event.accepted_at == at
    assert event.trust_tier == TrustTier.ALLOWED
    assert event.facts["title"] == "Morning report"
    assert event.data == {
        "schedule_id": row.pk,
        "slot": "2026-11-21T09:00",
        "due_at": "2026-11-21T08:00:00+00:00",
        "local": "2026-11-21T09:00",
        "timezone": "Europe/Paris",
        "is_made_up": False,
    }
    assert Execution.objects.get().trigger == trigger
    slot = ScheduleSlot.objects.get()
    assert (slot.status, slot.delivery_id, slot.settled_at) == (SlotStatus.FIRED, event.delivery_id, at)
    row.refresh_from_db()
    assert row.next_at == datetime.fromisoformat("2026-11-22T08:00:00+00:00")


def test_it_is_explained_like_any_other_event() -> None:
    row = make_schedule()
    trigger = make_trigger(
        item=row.listener.item,
        owner=row.listener.connection.owner,
        conditions={"all": [{"type": "field", "config": {"path": "event.type", "operator": "equals", "value": SLOT}}]},
    )
    fire_due(now=after(HOUR))
    decide_all(after(HOUR))
    told = explain(event=Event.objects.get(), trigger=trigger)
    assert told.outcome == Outcome.FIRED


def test_every_trigger_that_listens_hears_the_one_event() -> None:
    row = make_schedule()
    owner = row.listener.connection.owner
    for listens in ({"item": row.listener.item}, {"connection": row.listener.connection}):
        make_trigger(owner=owner, **listens)
    fire_due(now=after(HOUR))
    decide_all(after(HOUR))
    assert (Event.objects.count(), Execution.objects.count()) == (1, 2)


def test_a_paused_trigger_answers_paused_while_its_schedule_goes_on() -> None:
    row = make_schedule()
    trigger = make_trigger(item=row.listener.item, owner=row.listener.connection.owner)
    standing.pause(trigger=trigger, by=BY, now=NOON)
    fire_due(now=after(HOUR))
    decide_all(after(HOUR))
    assert Decision.objects.get().suppressed_by == Suppression.PAUSED


@pytest.mark.parametrize(
    ("over", "wakes_after", "expected"),
    [
        ({"misfire": "skip"}, 4 * HOUR + 1_800, [("13:00", "missed", 4)]),
        ({"misfire": "run_once"}, 4 * HOUR + 1_800, [("13:00", "missed", 3), ("16:00", "fired", 1)]),
        (
            {"misfire": "catch_up", "catch_up": 2},
            4 * HOUR + 1_800,
            [("13:00", "missed", 2), ("15:00", "fired", 1), ("16:00", "fired", 1)],
        ),
        ({"misfire": "skip"}, 2 * HOUR + 60, [("13:00", "missed", 1), ("14:00", "fired", 1)]),
        ({"misfire": "skip", "grace_s": 3_600}, HOUR + 1_800, [("13:00", "fired", 1)]),
        ({"misfire": "skip", "grace_s": 5}, HOUR + 6, [("13:00", "missed", 1)]),
    ],
)
def test_what_was_missed_is_settled_by_its_policy(over: dict[str, Any], wakes_after: int, expected: Any) -> None:
    row = make_schedule(**over)
    fire_due(now=after(wakes_after))
    assert slots(row) == expected
    assert Delivery.objects.count() == sum(status == "fired" for _, status, _ in expected)


def test_what_is_made_up_for_says_so_and_is_not_stale() -> None:
    row = make_schedule(misfire="run_once")
    make_trigger(item=row.listener.item, owner=row.listener.connection.owner, limits={"stale_after_s": 60})
    now = after(4 * HOUR + 1_800)
    fire_due(now=now)
    decide_all(now)
    assert ScheduleSlot.objects.get(status=SlotStatus.FIRED).is_made_up
    event = Event.objects.get()
    assert event.data["is_made_up"] is True
    assert event.time == after(4 * HOUR)
    assert Decision.objects.get().outcome == Outcome.FIRED


def test_a_missed_slot_says_why() -> None:
    row = make_schedule(misfire="catch_up", catch_up=2)
    fire_due(now=after(5 * HOUR + 1_800))
    missed = ScheduleSlot.objects.get(status=SlotStatus.MISSED)
    assert missed.reason == "Nobody looked at the clock when it was due, and its schedule makes up for up to 2."
    assert (missed.slot_at, missed.last_at, missed.count) == (after(HOUR), after(3 * HOUR), 3)
    assert row.slots.count() == 3


def test_a_year_is_settled_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misfires, "MOST_AT_ONCE", 5)
    row = make_schedule(misfire="catch_up", catch_up=2)
    fire_due(now=after(12 * HOUR + 1_800))
    fired = [at for at, status, _ in slots(row) if status == "fired"]
    missed = sum(count for _, status, count in slots(row) if status == "missed")
    assert (fired, missed) == (["23:00", "00:00"], 10)
    assert fire_due(now=after(12 * HOUR + 1_800)) == 0


def test_a_paused_listener_fires_nothing_and_resumes_by_its_policy() -> None:
    row = make_schedule(misfire="run_once")
    listeners.pause_listener(listener=row.listener, by=BY, now=NOON)
    assert fire_due(now=after(3 * HOUR)) == 0
    row.refresh_from_db()
    assert row.next_at is None
    resumed_at = after(3 * HOUR + 1_800)
    listeners.resume_listener(listener=row.listener, by=BY, now=resumed_at)
    row.listener.refresh_from_db()
    assert row.listener.next_due_at is None
    fire_due(now=resumed_at)
    assert slots(row) == [("13:00", "missed", 2), ("15:00", "fired", 1)]


def test_a_pause_that_comes_first_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock has read the schedule as due; the pause is committed before the clock takes it."""
    row = make_schedule()
    real = clock._take

    def paused_first(steps: Any, now: datetime) -> None:
        listeners.pause_listener(listener=row.listener, by=BY, now=now)
        real(steps, now)

    monkeypatch.setattr(clock, "_take", paused_first)
    fire_due(now=after(HOUR), batches=1)
    assert slots(row) == []
    assert Delivery.objects.count() == 0


def test_an_edit_that_comes_first_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_schedule()
    real = clock._take

    def edited_first(steps: Any, now: datetime) -> None:
        schedules.change_schedule(schedule=row, by=BY, now=now, cron="30 * * * *")
        real(steps, now)

    monkeypatch.setattr(clock, "_take", edited_first)
    fire_due(now=after(HOUR), batches=1)
    assert slots(row) == []


def test_the_second_of_two_clocks_that_read_the_same_finds_nothing_left(monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_schedule()
    steps = clock._steps(after(HOUR))
    clock._take(steps, after(HOUR))
    clock._take(steps, after(HOUR))
    assert slots(row) == [("13:00", "fired", 1)]
    assert Delivery.objects.count() == 1


def test_a_mark_that_was_put_back_fires_nothing_again() -> None:
    """As after a restore of the schedules alone."""
    row = make_schedule(misfire="skip")
    fire_due(now=after(4 * HOUR + 1_800))
    fire_due(now=after(5 * HOUR))
    Schedule.objects.filter(pk=row.pk).update(mark_at=NOON, next_at=after(HOUR))
    fire_due(now=after(5 * HOUR))
    assert slots(row) == [("13:00", "missed", 4), ("17:00", "fired", 1)]
    assert Delivery.objects.count() == 1


def test_what_is_switched_off_misses_its_slots_and_says_so() -> None:
    row = make_schedule()
    connection = row.listener.connection
    type(connection).objects.filter(pk=connection.pk).update(is_enabled=False)
    fire_due(now=after(HOUR))
    assert slots(row) == [("13:00", "missed", 1)]
    assert ScheduleSlot.objects.get().reason == "Its connection is switched off."
    assert Delivery.objects.count() == 0
    type(connection).objects.filter(pk=connection.pk).update(is_enabled=True)
    fire_due(now=after(2 * HOUR))
    assert slots(row) == [("13:00", "missed", 1), ("14:00", "fired", 1)]


def test_a_schedule_that_is_over_is_looked_at_no_more() -> None:
    row = make_schedule(ends_at=after(HOUR))
    fire_due(now=after(HOUR))
    row.refresh_from_db()
    assert (slots(row), row.next_at) == ([("13:00", "fired", 1)], None)


def test_it_rests_on_the_days_of_its_calendars() -> None:
    owner = make_user()
    first = make_schedule(owner=owner, cron="0 9 * * *")
    calendar = make_calendar(first.listener.connection, "2026-11-21")
    row = make_schedule(owner=owner, cron="0 9 * * *", calendar_ids=[calendar.pk])
    fire_due(now=after(21 * HOUR))
    assert (len(slots(first)), slots(row)) == (1, [])
    fire_due(now=after(45 * HOUR))
    assert slots(row) == [("09:00", "fired", 1)]


def test_a_webhook_cannot_tell_the_time() -> None:
    row = make_schedule()
    fire_due(now=after(HOUR))
    real = Delivery.objects.get()
    forged = Incoming(
        connection_id=row.listener.connection_id,
        source=Source.SCHEDULE,
        body=bytes(real.body).replace(b"13:00", b"14:00"),
        received_at=after(HOUR),
        endpoint_id=99,
    )
    receipt = accept([forged])[0]
    decide_all(after(HOUR))
    outcome = DeliveryOutcome.objects.get(delivery=receipt.delivery_id)
    assert (outcome.status, outcome.detail) == (
        DeliveryStatus.REFUSED,
        "Only the clock of this installation tells of slots.",
    )
    assert Event.objects.count() == 1


def test_a_body_that_the_clock_did_not_write_is_refused() -> None:
    row = make_schedule()
    receipt = accept(
        [Incoming(connection_id=row.listener.connection_id, source=Source.SCHEDULE, body=b"{}", received_at=NOON)]
    )[0]
    decide_all(NOON)
    assert DeliveryOutcome.objects.get(delivery=receipt.delivery_id).status == DeliveryStatus.REFUSED


def test_the_events_of_one_transaction_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "MOST_EVENTS", 3)
    rows = [make_schedule(misfire="catch_up", catch_up=2) for _ in range(3)]
    assert len(clock._steps(after(5 * HOUR + 1_800))) == 2
    fire_due(now=after(5 * HOUR + 1_800))
    assert [len([1 for _, status, _ in slots(row) if status == "fired"]) for row in rows] == [2, 2, 2]


def test_a_call_ends_after_its_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "BATCH", 1)
    for _ in range(3):
        make_schedule()
    assert fire_due(now=after(HOUR), batches=2) == 2
    assert fire_due(now=after(HOUR)) == 1


def test_nothing_due_is_one_question() -> None:
    for _ in range(5):
        make_schedule()
    with CaptureQueriesContext(database) as asked:
        assert fire_due(now=after(60)) == 0
    assert len(asked) == 1


def test_the_questions_of_a_batch_do_not_grow_with_it() -> None:
    counts = []
    for size in (1, 9):
        for _ in range(size):
            make_schedule()
        with CaptureQueriesContext(database) as asked:
            assert fire_due(now=after(HOUR)) == size
        counts.append(len([one for one in asked if "UPDATE" not in one["sql"]]))
    assert counts[0] == counts[1]


def test_slots_are_kept_as_long_as_events() -> None:
    row = make_schedule()
    fire_due(now=after(HOUR))
    fire_due(now=after(2 * HOUR))
    day = timedelta(days=1)
    assert forget_slots(now=NOON + 2 * day) == 0
    assert forget_slots(now=NOON + 4_000 * day, most=1) == 1
    assert slots(row) == [("14:00", "fired", 1)]
    assert forget_slots(now=NOON + 4_000 * day) == 1
