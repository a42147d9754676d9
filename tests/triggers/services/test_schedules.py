"""Schedules are made, changed and asked what comes next; what is absurd is refused with the name of its field."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import AuditEntry, Connection
from dct_site.kernel.edits import EditConflict
from tests.factories.accounts import make_user
from tests.factories.schedules import make_calendar, make_schedule
from tests.factories.triggers import NOON, after
from tests.factories.workspaces import make_connection
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import Schedule, ScheduleSlot
from triggers.schedules.slots import Mark
from triggers.services import listeners
from triggers.services.clock import fire_due
from triggers.services.listeners import NotPolled
from triggers.services.listening import listener_for
from triggers.services.schedules import (
    InvalidSchedule,
    change_calendar,
    change_schedule,
    delete_schedule,
    plan_of,
    preview_of,
)
from workspaces.enums import ItemKind
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db
BY = Actor.system()
HOUR = 3_600


def paths(refused: pytest.ExceptionInfo[InvalidSchedule]) -> list[str]:
    return [problem.path for problem in refused.value.problems]


def test_a_schedule_has_a_card_a_listener_and_its_owners_clock() -> None:
    owner = make_user()
    row = make_schedule(owner=owner, name="Morning", cron="0 9 * * *", timezone="Europe/Paris")
    item = row.listener.item
    assert item is not None
    assert (item.kind, item.title, item.is_watched) == (ItemKind.SCHEDULE, "Morning", True)
    assert row.listener.listener_type == ListenerType.SCHEDULE
    assert row.listener.next_due_at is None
    connection = row.listener.connection
    assert (connection.source, connection.owner, connection.name) == (Source.SCHEDULE, owner, "Clock")
    assert f"{row.next_at:%d %H:%M}" == "21 08:00"
    assert AuditEntry.objects.filter(action="schedule.created", kind="schedule", object_id=row.pk).exists()


def test_a_second_one_goes_to_the_same_clock_and_a_taken_name_is_gone_round() -> None:
    owner = make_user()
    make_connection(owner=owner, name="Clock", source=Source.WEBHOOK)
    first, second = make_schedule(owner=owner), make_schedule(owner=owner)
    assert first.listener.connection == second.listener.connection
    assert first.listener.connection.name == "Clock 2"


def test_another_connection_may_be_named_where_it_is_a_clock() -> None:
    row = make_schedule()
    again = make_schedule(connection=row.listener.connection)
    assert again.listener.connection == row.listener.connection
    with pytest.raises(InvalidSchedule) as refused:
        make_schedule(connection=make_connection(source=Source.GITHUB))
    assert paths(refused) == ["connection_id"]


@pytest.mark.parametrize(
    ("over", "path"),
    [
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"every_s": 1}, "every_s"),
        ({"timezone": "Nowhere"}, "timezone"),
        ({"name": " \u200b "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"calendar_ids": [404]}, "calendar_ids"),
    ],
)
def test_what_is_absurd_is_refused_and_leaves_nothing(over: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        make_schedule(**over)
    assert paths(refused) == [path]
    assert not Schedule.objects.exists()
    assert not Connection.objects.exists()
    assert not ContextItem.objects.exists()


def test_the_database_itself_wants_one_rhythm() -> None:
    row = make_schedule()
    for wrong in ({"every_s": 60}, {"cron": ""}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Schedule.objects.filter(pk=row.pk).update(**wrong)


def test_a_slot_stands_once() -> None:
    row = make_schedule()
    slot = {
        "schedule": row, "slot_at": NOON, "key": "x", "status": "fired", "last_at": NOON, "settled_at": NOON,
    }  # fmt: skip
    ScheduleSlot.objects.create(**slot)
    ScheduleSlot.objects.create(**{**slot, "key": "y"})
    with pytest.raises(IntegrityError), transaction.atomic():
        ScheduleSlot.objects.create(**slot)


def test_a_change_counts_from_now_on() -> None:
    row = make_schedule(misfire="catch_up", catch_up=10)
    change_schedule(schedule=row, by=BY, now=after(3 * HOUR + 60), cron="30 * * * *", name="Half past")
    assert row.next_at == after(3 * HOUR + 1_800)
    assert row.listener.item is not None
    row.listener.item.refresh_from_db()
    assert row.listener.item.title == "Half past"
    fire_due(now=after(3 * HOUR + 1_800))
    assert ScheduleSlot.objects.filter(schedule=row).count() == 1
    told = AuditEntry.objects.get(action="schedule.changed")
    assert (told.before["cron"], told.after["cron"]) == ("0 * * * *", "30 * * * *")


def test_a_change_never_goes_back_behind_what_was_settled() -> None:
    """The clock of the machine was put back."""
    row = make_schedule()
    fire_due(now=after(HOUR))
    row.refresh_from_db()
    change_schedule(schedule=row, by=BY, now=after(HOUR - 60), jitter_s=1)
    assert Mark(row.mark_at, row.mark_key) >= Mark.before(after(HOUR))
    fire_due(now=after(HOUR + 1))
    assert ScheduleSlot.objects.filter(schedule=row).count() == 1


def test_who_changes_an_old_version_is_told() -> None:
    row = make_schedule()
    change_schedule(schedule=row, by=BY, now=NOON, jitter_s=5)
    with pytest.raises(EditConflict):
        change_schedule(schedule=row, by=BY, now=NOON, version=1, jitter_s=6)


def test_to_change_nothing_is_not_written_down() -> None:
    row = make_schedule()
    change_schedule(schedule=row, by=BY, now=NOON)
    assert not AuditEntry.objects.filter(action="schedule.changed").exists()


def test_from_cron_to_an_interval() -> None:
    row = make_schedule()
    change_schedule(schedule=row, by=BY, now=after(60), cron="", every_s=600)
    assert row.next_at == after(600)
    with pytest.raises(InvalidSchedule) as refused:
        change_schedule(schedule=row, by=BY, now=NOON, cron="0 9 * * *")
    assert paths(refused) == ["cron"]


def test_a_paused_one_may_be_changed_and_stays_paused() -> None:
    row = make_schedule()
    listeners.pause_listener(listener=row.listener, by=BY, now=NOON)
    change_schedule(schedule=row, by=BY, now=NOON, jitter_s=3)
    assert row.next_at is None
    row.listener.refresh_from_db()
    assert row.listener.status == ListenerStatus.PAUSED


def test_a_schedule_is_not_polled() -> None:
    with pytest.raises(NotPolled, match="Fire its trigger by hand"):
        listeners.poll_now(listener=make_schedule().listener, by=BY, now=NOON)


def test_the_preview_asks_the_same_as_the_save_does() -> None:
    settings = {"cron": "30 2 * * *", "timezone": "Europe/Paris"}
    shown = preview_of(settings=settings, calendars=[], now=NOON)
    assert [f"{run.local:%d %H:%M}" for run in shown.runs] == [f"{day} 02:30" for day in range(21, 26)]
    with pytest.raises(InvalidSchedule) as refused:
        preview_of(settings={"cron": "0 0 31 2 *"}, calendars=[], now=NOON)
    assert paths(refused) == ["cron"]


def test_the_preview_of_a_saved_one_shows_its_own_jitter_and_anchor() -> None:
    row = make_schedule(cron="", every_s=7_200, jitter_s=600)
    shown = preview_of(settings=row.settings.__dict__, calendars=[], now=after(60), schedule=row)
    assert shown.runs[0].due == next(plan_of(row, []).due(Mark.after(after(60))))
    assert row.next_at == shown.runs[0].due.fires_at


def test_calendars_belong_to_a_clock() -> None:
    row = make_schedule()
    make_calendar(row.listener.connection)
    for connection, days, path in (
        (make_connection(source=Source.GITHUB), "2026-12-25", "connection_id"),
        (row.listener.connection, "Christmas", "days"),
    ):
        with pytest.raises(InvalidSchedule) as refused:
            make_calendar(connection, days, name="Other")
        assert paths(refused) == [path]
    stranger = make_schedule()
    calendar = make_calendar(stranger.listener.connection)
    with pytest.raises(InvalidSchedule) as refused:
        change_schedule(schedule=row, by=BY, now=NOON, calendar_ids=[calendar.pk])
    assert paths(refused) == ["calendar_ids"]


def test_a_schedule_names_so_many_calendars() -> None:
    row = make_schedule()
    ids = [make_calendar(row.listener.connection, name=f"C{at}").pk for at in range(11)]
    change_schedule(schedule=row, by=BY, now=NOON, calendar_ids=ids[:10])
    assert row.calendars.count() == 10
    with pytest.raises(InvalidSchedule, match="the most are 10"):
        change_schedule(schedule=row, by=BY, now=NOON, calendar_ids=ids)


def test_a_calendar_that_is_changed_moves_what_goes_by_it() -> None:
    row = make_schedule(cron="0 9 * * *")
    calendar = make_calendar(row.listener.connection)
    change_schedule(schedule=row, by=BY, now=NOON, calendar_ids=[calendar.pk])
    assert f"{row.next_at:%d}" == "21"
    change_calendar(calendar=calendar, by=BY, now=NOON, days="2026-11-21/2026-11-24", name="Closed")
    before = row.version
    row.refresh_from_db()
    assert (f"{row.next_at:%d}", row.version) == ("25", before + 1)
    with pytest.raises(EditConflict):
        change_calendar(calendar=calendar, by=BY, now=NOON, version=1, days="")
    with pytest.raises(InvalidSchedule, match="Line 1"):
        change_calendar(calendar=calendar, by=BY, now=NOON, days="soon")
    told = AuditEntry.objects.get(action="calendar.changed")
    assert told.after == {"days": "2026-11-21/2026-11-24", "name": "Closed"}


def test_a_calendar_may_not_end_a_schedule_for_good() -> None:
    row = make_schedule(cron="0 9 25 12 *")
    over = make_schedule(connection=row.listener.connection, ends_at=after(HOUR))
    calendar = make_calendar(row.listener.connection, "2020-01-01")
    for one in (row, over):
        change_schedule(schedule=one, by=BY, now=NOON, calendar_ids=[calendar.pk])
    later = NOON + timedelta(days=1)
    with pytest.raises(InvalidSchedule, match="would never fire again") as refused:
        change_calendar(calendar=calendar, by=BY, now=later, days="12-25")
    assert paths(refused) == ["days"]
    calendar.refresh_from_db()
    change_calendar(calendar=calendar, by=BY, now=later, days="12-24")


def test_a_calendar_name_stands_once() -> None:
    row = make_schedule()
    make_calendar(row.listener.connection)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_calendar(row.listener.connection)


def test_publishing_hears_a_whole_clock_too() -> None:
    row = make_schedule()
    listener = listener_for(connection=row.listener.connection, item=None, now=NOON)
    assert (listener.listener_type, listener.next_due_at) == (ListenerType.SCHEDULE, None)


def test_a_deleted_one_fires_no_more_and_its_slots_stay() -> None:
    row = make_schedule()
    assert fire_due(now=after(HOUR)) == 1
    delete_schedule(schedule=row, by=BY, now=after(HOUR + 1))
    item = ContextItem.objects.get()
    assert (row.next_at, row.deleted_at, item.is_watched) == (None, after(HOUR + 1), False)
    assert fire_due(now=after(5 * HOUR)) == 0
    assert ScheduleSlot.objects.filter(schedule=row).count() == 1
    entry = AuditEntry.objects.get(action="schedule.deleted")
    assert (entry.object_id, entry.before) == (row.pk, {"name": "Every hour"})

    delete_schedule(schedule=row, by=BY, now=after(6 * HOUR))
    assert row.deleted_at == after(HOUR + 1)
    assert AuditEntry.objects.filter(action="schedule.deleted").count() == 1


def test_nothing_brings_a_deleted_one_back() -> None:
    row = make_schedule()
    calendar = make_calendar(row.listener.connection)
    change_schedule(schedule=row, by=BY, now=NOON, calendar_ids=[calendar.pk])
    listeners.pause_listener(listener=row.listener, by=BY, now=NOON)
    delete_schedule(schedule=row, by=BY, now=NOON)
    listeners.resume_listener(listener=row.listener, by=BY, now=NOON)
    change_calendar(calendar=calendar, by=BY, now=NOON, days="2027-01-01")
    with pytest.raises(InvalidSchedule, match="It was deleted"):
        change_schedule(schedule=row, by=BY, now=NOON, cron="1 * * * *")
    row.refresh_from_db()
    assert row.next_at is None
    assert fire_due(now=after(5 * HOUR)) == 0
    with pytest.raises(IntegrityError), transaction.atomic():
        Schedule.objects.filter(pk=row.pk).update(next_at=NOON)
