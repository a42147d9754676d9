"""The pages of schedules: made, previewed while typing, changed, paused; calendars; cards; who may do what."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.factories.schedules import make_calendar, make_schedule
from tests.factories.triggers import make_listener, make_trigger
from tests.triggers.views.people import Visitor
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import Schedule, SkipCalendar
from triggers.services.clock import fire_due
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Morning report",
    "cron": "30 2 * * *",
    "timezone": "Europe/Paris",
    "misfire": "run_once",
    "catch_up": "1",
    "grace_s": "60",
    "jitter_s": "0",
}


def preview(who: Visitor, query: str = "", **over: Any) -> str:
    return str(who.press(f"{reverse('schedule-preview')}{query}", {**FORM, **over}).content.decode())


def test_a_schedule_is_made_and_a_trigger_comes_next(developer: Visitor) -> None:
    assert "Next five runs" in developer.get(reverse("schedule-new")).content.decode()
    answer = developer.post(reverse("schedule-new"), {**FORM, "starts_at": "2027-01-05T09:00"})
    row = Schedule.objects.get()
    assert answer["Location"] == f"{reverse('trigger-new')}?item={row.listener.item_id}"
    assert row.starts_at is not None
    # Nine o'clock in Paris.
    assert row.starts_at.isoformat() == "2027-01-05T08:00:00+00:00"
    assert "Morning report" in developer.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"cron": "0 0 30 2 *"}, "It never fires: the month feb has no day of the month 30."),
        ({"cron": "", "every_s": "3"}, "from 10 (no more often)"),
        ({"timezone": "Mars"}, "There is no time zone &#x27;Mars&#x27;"),
        ({"skip_days": "soon"}, "is no day."),
        ({"jitter_s": "90000"}, "jitter_s must be from 0 to 3600."),
    ],
)
def test_what_is_absurd_stands_at_its_field_and_beside_the_form(
    developer: Visitor, over: dict[str, str], words: str
) -> None:
    answer = developer.post(reverse("schedule-new"), {**FORM, **over})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert words in preview(developer, **over)
    assert not Schedule.objects.exists()


def test_the_preview_marks_what_is_special(developer: Visitor) -> None:
    shown = preview(developer, starts_at="2027-03-27T00:00", skip_days="03-29")
    assert "Sat 27 Mar 2027, 02:30" in shown
    assert "Sun 28 Mar 2027, 03:00" in shown
    assert "The clock leaps over its time on that day; it runs right after." in shown
    assert "It rests on Mon 29 Mar 2027" in shown
    assert "Its time comes twice" in preview(developer, starts_at="2027-10-30T00:00")
    assert "The clock is changed on that day" in preview(developer, cron="0 9 * * *", starts_at="2027-10-30T00:00")


def test_what_is_half_typed_is_said_by_its_label(developer: Visitor) -> None:
    assert "On time within: Enter a whole number." in preview(developer, grace_s="soon")


def test_a_preview_goes_by_the_calendars_of_its_clock(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user)
    calendar = make_calendar(row.listener.connection, "2027-03-28")
    query = f"?clock={row.listener.connection_id}&schedule={row.pk}"
    shown = preview(developer, query, starts_at="2027-03-27T00:00", calendar_ids=[calendar.pk])
    assert "It rests on Sun 28 Mar 2027" in shown


def test_it_is_changed_by_who_saw_it_as_it_is(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user, ends_at=timezone.now() + timedelta(days=900))
    url = reverse("schedule", args=[row.pk])
    assert "Every hour" in developer.get(url).content.decode()
    assert developer.post(url, {**FORM, "version": row.version})["Location"] == url
    row.refresh_from_db()
    assert (row.cron, row.ends_at) == ("30 2 * * *", None)
    stale = developer.post(url, {**FORM, "version": row.version - 1})
    assert stale.status_code == 422
    assert "Somebody else changed this" in stale.content.decode()
    absurd = developer.post(url, {**FORM, "cron": "0 0 31 2 *", "version": row.version})
    assert (absurd.status_code, "It never fires" in absurd.content.decode()) == (422, True)


def test_its_slots_are_told(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user, misfire="run_once")
    assert "None has been due yet" in developer.get(reverse("schedule", args=[row.pk])).content.decode()
    assert row.next_at is not None
    fire_due(now=row.next_at + timedelta(hours=3, minutes=30))
    text = developer.get(reverse("schedule", args=[row.pk])).content.decode()
    assert "3 in a row." in text
    assert "It makes up for one that was missed." in text
    assert "Nobody looked at the clock when it was due" in text


def test_it_is_paused_and_resumed(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user)
    for act, status in (("pause", ListenerStatus.PAUSED), ("resume", ListenerStatus.HEALTHY)):
        assert (
            reverse(f"schedule-{act}", args=[row.pk])
            in developer.get(reverse("schedule", args=[row.pk])).content.decode()
        )
        assert developer.press(reverse(f"schedule-{act}", args=[row.pk])).status_code == 204
        row.listener.refresh_from_db()
        assert row.listener.status == status


def test_calendars_are_made_and_changed(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user)
    new = reverse("calendar-new", args=[row.listener.connection_id])
    assert "New calendar" in developer.get(new).content.decode()
    developer.post(new, {"name": "Closed", "days": "12-25"})
    calendar = SkipCalendar.objects.get()
    for values, words in (({"name": "Closed", "days": ""}, "already"), ({"name": "X", "days": "soon"}, "is no day")):
        refused = developer.post(new, values)
        assert (refused.status_code, words in refused.content.decode()) == (422, True)
    url = reverse("calendar", args=[calendar.pk])
    assert "12-25" in developer.get(url).content.decode()
    developer.post(url, {"name": "Shut", "days": "12-26", "version": calendar.version})
    calendar.refresh_from_db()
    assert (calendar.name, calendar.days) == ("Shut", "12-26")
    assert "Shut" in developer.get(reverse("schedule", args=[row.pk])).content.decode()
    assert "Calendars by which it rests" in developer.get(reverse("schedule-new")).content.decode()


def test_a_card_says_when_it_runs_next(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user, timezone="Europe/Paris", now=timezone.now())
    text = developer.get(reverse("library")).content.decode()
    assert "0 * * * *, Europe/Paris: next run" in text
    assert reverse("schedule", args=[row.pk]) in text
    developer.press(reverse("schedule-pause", args=[row.pk]))
    assert "next run" not in developer.get(reverse("library")).content.decode()
    developer.press(reverse("schedule-resume", args=[row.pk]))
    Schedule.objects.update(next_at=None)
    assert "no run is left" in developer.get(reverse("library")).content.decode()


def test_a_card_of_an_interval_and_of_a_whole_clock(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user, every_s=900, now=timezone.now())
    assert "every 15 min" in developer.get(reverse("library")).content.decode()
    make_listener(connection=row.listener.connection, listener_type=ListenerType.SCHEDULE)
    assert "Hears every schedule of its clock" in developer.get(reverse("library")).content.decode()


def test_the_ways_to_a_new_schedule(developer: Visitor, ceo: Visitor) -> None:
    make_schedule(owner=developer.user, now=timezone.now())
    for page in ("library", "watch", "trigger-new"):
        assert reverse("schedule-new") in developer.get(reverse(page)).content.decode()
    assert ceo.get(reverse("schedule-new")).status_code in (200, 403)


def test_what_others_own_is_not_there(developer: Visitor, stranger: Visitor) -> None:
    row = make_schedule(owner=developer.user)
    calendar = make_calendar(row.listener.connection)
    connection_id = row.listener.connection_id
    for url in (
        reverse("schedule", args=[row.pk]),
        reverse("calendar", args=[calendar.pk]),
        reverse("calendar-new", args=[connection_id]),
    ):
        assert stranger.get(url).status_code == 404
        assert stranger.post(url, FORM).status_code in (403, 404)
    for act in ("pause", "resume"):
        assert stranger.press(reverse(f"schedule-{act}", args=[row.pk])).status_code in (403, 404)
    for query in (f"?clock={connection_id}", f"?schedule={row.pk}"):
        assert stranger.press(f"{reverse('schedule-preview')}{query}", FORM).status_code == 404
    row.refresh_from_db()
    assert (row.version, ContextItem.objects.count()) == (1, 1)


def test_it_is_deleted_after_a_question_that_names_who_listens(developer: Visitor) -> None:
    row = make_schedule(owner=developer.user)
    make_trigger(owner=developer.user, item=row.listener.item, name="Morning digest")
    page = developer.get(reverse("schedule", args=[row.pk])).content.decode()
    assert "hear nothing of it any more: Morning digest." in page
    developer.press(reverse("schedule-delete", args=[row.pk]))
    row.refresh_from_db()
    assert row.deleted_at is not None
    page = developer.get(reverse("schedule", args=[row.pk])).content.decode()
    assert "It was deleted" in page
    assert "No run is left" in page
    assert reverse("schedule-delete", args=[row.pk]) not in page
    assert reverse("schedule-pause", args=[row.pk]) not in page
