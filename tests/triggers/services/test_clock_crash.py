"""The clock and ``kill -9``: wherever it is cut off, and however many tick, each slot becomes one event."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories.accounts import make_user
from tests.factories.schedules import make_schedule
from tests.factories.triggers import after, make_trigger
from tests.triggers.services.doomed import Doomed, database_url
from triggers.enums import SlotStatus
from triggers.models import Delivery, Event, Execution, PendingDelivery, Schedule, ScheduleSlot
from triggers.services.clock import fire_due
from triggers.services.decide.pending import decide_pending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.unmeasured]
HOUR = 3_600


@pytest.mark.parametrize(
    "place",
    ["clock.held", "clock.accepted", "clock.slots_written", "clock.before_commit", "clock.committed"],
)
def test_whoever_is_killed_anywhere_each_slot_becomes_one_event(doomed: Doomed, place: str) -> None:
    owner = make_user()
    # On time, caught up with, and missed: all in the transaction that is cut off.
    rows = [make_schedule(owner=owner, misfire="catch_up", catch_up=2), make_schedule(owner=owner, cron="0 16 * * *")]
    for row in rows:
        make_trigger(item=row.listener.item, owner=owner)
    now = after(4 * HOUR + 30)
    assert doomed.is_killed("fire", place, now)
    is_committed = place == "clock.committed"
    assert ScheduleSlot.objects.exists() is is_committed
    assert Delivery.objects.exists() is is_committed

    # What a killed process held is free only when the server has seen its end.
    while Schedule.objects.filter(next_at__lte=now).exists():
        fire_due(now=now)
    assert fire_due(now=now) == 0
    while PendingDelivery.objects.exists():
        decide_pending(now=now)

    found = ScheduleSlot.objects.order_by("schedule_id", "slot_at")
    assert [(slot.schedule, f"{slot.slot_at:%H}", slot.status, slot.count) for slot in found] == [
        (rows[0], "13", SlotStatus.MISSED, 1),
        (rows[0], "14", SlotStatus.FIRED, 1),
        (rows[0], "15", SlotStatus.FIRED, 1),
        (rows[0], "16", SlotStatus.FIRED, 1),
        (rows[1], "16", SlotStatus.FIRED, 1),
    ]
    assert Delivery.objects.count() == Event.objects.count() == Execution.objects.count() == 4
    assert set(Event.objects.values_list("delivery_id", flat=True)) == set(
        ScheduleSlot.objects.filter(status=SlotStatus.FIRED).values_list("delivery_id", flat=True)
    )


def test_two_processes_that_tick_at_once_make_one_event_of_each_slot() -> None:
    owner = make_user()
    rows = [make_schedule(owner=owner, misfire="catch_up", catch_up=5) for _ in range(20)]
    environment = {**os.environ, "DCT_DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "dct_site.settings"}
    program = [sys.executable, str(Path(__file__).with_name("ticker.py"))]
    tickers = [
        subprocess.Popen(program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for ticker in tickers:
        assert ticker.stdout is not None
        assert ticker.stdout.readline() == "ready\n"
    for hour in range(1, 6):
        for ticker in tickers:
            assert ticker.stdin is not None
            ticker.stdin.write(f"{after(hour * HOUR).isoformat()}\n")
            ticker.stdin.flush()
        for ticker in tickers:
            assert ticker.stdout is not None
            assert ticker.stdout.readline().strip().isdigit()
    for ticker in tickers:
        ticker.communicate(timeout=60)

    assert ScheduleSlot.objects.filter(status=SlotStatus.FIRED).count() == len(rows) * 5
    assert Delivery.objects.count() == len(rows) * 5
    assert not ScheduleSlot.objects.filter(status=SlotStatus.MISSED).exists()
