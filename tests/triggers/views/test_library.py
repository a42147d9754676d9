"""The library: cards, who may do what on them, filters, keyset pages, and how many queries it takes."""

from datetime import timedelta

import pytest
from django.db import connection as connection_of_database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.actor import Actor
from accounts.enums import Source
from tests.factories.triggers import NOON, make_delivery, make_jira, make_listener, make_trigger
from tests.factories.workspaces import make_connection, make_item
from tests.triggers.views.people import Visitor, toast_of
from triggers.enums import ListenerType
from triggers.services import standing
from triggers.services.decide.pending import decide_pending
from workspaces.enums import ItemKind

pytestmark = pytest.mark.django_db


def test_an_empty_library_greets(developer: Visitor) -> None:
    text = developer.get(reverse("library")).content.decode()
    assert "Every event gets an answer" in text
    assert "This installation" in text


def test_a_card_shows_its_trigger_with_buttons_of_those_who_may(developer: Visitor) -> None:
    item = make_item(is_watched=True)
    trigger = make_trigger(item=item)
    text = developer.get(reverse("library")).content.decode()
    assert trigger.name in text
    assert f"{reverse('trigger-fire', args=[trigger.pk])}?item={item.pk}" in text
    assert reverse("trigger-pause", args=[trigger.pk]) in text


def test_a_button_that_the_person_may_not_use_is_absent(ceo: Visitor) -> None:
    item = make_item(is_watched=True, connection=make_jira(owner=ceo.user))
    trigger = make_trigger(item=item)
    text = ceo.get(reverse("library")).content.decode()
    assert item.title in text
    assert trigger.name not in text
    assert reverse("trigger-fire", args=[trigger.pk]) not in text


@pytest.mark.usefixtures("written_out")
def test_a_card_shows_the_last_run(developer: Visitor) -> None:
    item = make_item(is_watched=True, connection=make_jira())
    trigger = make_trigger(item=item)
    told = {"kind": item.kind, "key": item.external_key, "title": item.title}
    make_delivery(item.connection, {"item": told})
    decide_pending(now=NOON)
    run = trigger.executions.get()
    text = developer.get(reverse("card", args=[item.pk])).content.decode()
    assert reverse("execution", args=[run.pk]) in text
    assert "Queued" in text


@pytest.mark.usefixtures("written_out")
def test_a_card_shows_why_the_last_event_did_not_run(developer: Visitor) -> None:
    item = make_item(is_watched=True, connection=make_jira())
    trigger = make_trigger(item=item)
    standing.pause(trigger=trigger, by=Actor.system(), now=NOON)
    make_delivery(item.connection, {"item": {"kind": item.kind, "key": item.external_key, "title": item.title}})
    decide_pending(now=NOON)
    assert "Suppressed: trigger is paused" in developer.get(reverse("card", args=[item.pk])).content.decode()


def test_a_mail_thread_is_a_card_for_two_weeks(developer: Visitor) -> None:
    box = make_connection(source=Source.EMAIL)
    parent = make_item(
        connection=box, kind=ItemKind.MAILBOX, external_key="ops@example.org", title="ops", is_watched=True
    )
    for title, days in (("Where are our chairs", 1), ("Long ago", 20)):
        at = timezone.now() - timedelta(days=days)
        make_item(connection=box, kind=ItemKind.MAIL_THREAD, title=title, parent=parent, changed_at=at)
    text = developer.get(reverse("library")).content.decode()
    assert "Where are our chairs" in text
    assert "Long ago" not in text


def test_a_listener_that_is_unwell_says_why(developer: Visitor) -> None:
    box = make_connection(source=Source.EMAIL)
    make_item(connection=box, kind=ItemKind.MAILBOX, is_watched=True)
    make_listener(
        connection=box,
        listener_type=ListenerType.EMAIL,
        status="credential_expired",
        status_reason="The server refused the password.",
    )
    assert "The server refused the password." in developer.get(reverse("library")).content.decode()


def test_filters_narrow_and_name_themselves(developer: Visitor) -> None:
    make_item(is_watched=True, title="Ferry bookings")
    make_item(is_watched=True, title="Crew app")
    text = developer.get(f"{reverse('library')}?q=ferry").content.decode()
    assert "Ferry bookings" in text
    assert "Crew app" not in text
    nothing = developer.get(f"{reverse('library')}?q=submarine").content.decode()
    assert "No card fits these filters" in nothing


def test_older_and_newer_walk_through_all_cards_once(developer: Visitor) -> None:
    home = make_connection()
    for number in range(30):
        make_item(connection=home, is_watched=True, title=f"Card {number:02d}.", changed_at=NOON)
    first = developer.get(reverse("library"))
    second = developer.get(first.context["pager"]["older_url"])
    back = developer.get(second.context["pager"]["newer_url"])
    seen = [card["title"] for page in (first, second) for card in page.context["cards"]]
    assert sorted(seen) == [f"Card {number:02d}." for number in range(30)]
    assert [card["title"] for card in back.context["cards"]] == [card["title"] for card in first.context["cards"]]
    assert second.context["pager"]["older_url"] == ""


def test_more_cards_take_no_more_queries(developer: Visitor) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection_of_database) as seen:
            assert developer.get(reverse("library")).status_code == 200
        return len(seen)

    home = make_jira()
    make_trigger(item=make_item(connection=home, is_watched=True))
    few = queries()
    for _ in range(8):
        make_trigger(item=make_item(connection=home, is_watched=True))
    assert queries() <= few


@pytest.mark.usefixtures("written_out")
def test_when_a_connection_was_heard_last_is_asked_once_for_all_cards(developer: Visitor) -> None:
    connection = make_jira(owner=developer.user)
    for key in ("OPS-1", "OPS-2"):
        make_item(connection=connection, external_key=key, is_watched=True)
    make_delivery(connection)
    decide_pending(now=NOON)
    with CaptureQueriesContext(connection_of_database) as asked:
        page = developer.get(reverse("library")).content.decode()
    assert "Webhook, last delivery" in page
    latest = [query["sql"] for query in asked.captured_queries if query["sql"].count('"accepted_at"')]
    assert len(latest) == 1, latest


def test_unwatching_takes_the_card_away_and_watching_brings_it_back(developer: Visitor) -> None:
    item = make_item(is_watched=True)
    assert developer.press(reverse("card-unwatch", args=[item.pk])).headers["HX-Refresh"] == "true"
    item.refresh_from_db()
    assert not item.is_watched
    developer.press(reverse("card-watch", args=[item.pk]))
    item.refresh_from_db()
    assert item.is_watched


def test_firing_from_a_card_asks_for_a_run_about_it(developer: Visitor) -> None:
    item = make_item(is_watched=True, connection=make_jira())
    trigger = make_trigger(item=item)
    answer = developer.press(f"{reverse('trigger-fire', args=[trigger.pk])}?item={item.pk}")
    assert "was asked to run for" in toast_of(answer)
    decide_pending(now=NOON)
    assert trigger.executions.get().event.item == item


def test_pausing_says_so_with_the_way_back(developer: Visitor) -> None:
    trigger = make_trigger()
    answer = developer.press(reverse("trigger-pause", args=[trigger.pk]))
    assert reverse("trigger-resume", args=[trigger.pk]) in toast_of(answer)
    trigger.refresh_from_db()
    assert trigger.status == "paused"
    developer.press(reverse("trigger-resume", args=[trigger.pk]))
    trigger.refresh_from_db()
    assert trigger.status == "active"


def test_firing_a_paused_trigger_is_refused_with_a_reason(developer: Visitor) -> None:
    trigger = make_trigger()
    standing.pause(trigger=trigger, by=Actor.system(), now=NOON)
    answer = developer.press(reverse("trigger-fire", args=[trigger.pk]))
    assert answer.status_code == 409
    assert answer.json()["detail"] == "The trigger is paused. Resume it first."


def test_jump_finds_triggers_cards_and_executions(developer: Visitor) -> None:
    item = make_item(is_watched=True, title="Ferry bookings", connection=make_jira())
    trigger = make_trigger(item=item, name="Ferry digest")
    developer.press(f"{reverse('trigger-fire', args=[trigger.pk])}?item={item.pk}")
    decide_pending(now=NOON)
    text = developer.get(f"{reverse('jump')}?q=ferry").content.decode()
    assert "Ferry digest" in text
    assert "Ferry bookings" in text
    assert item.external_key in text
    run = trigger.executions.get()
    assert reverse("execution", args=[run.pk]) in developer.get(f"{reverse('jump')}?q=EX-{run.pk}").content.decode()
    assert "has “nothing of this” in its name" in developer.get(f"{reverse('jump')}?q=nothing of this").content.decode()
    assert developer.get(f"{reverse('jump')}?q={'9' * 40}").status_code == 200


def test_a_demo_button_is_there_only_with_a_demo(developer: Visitor) -> None:
    make_item(is_watched=True)
    assert "Send a test" not in developer.get(reverse("library")).content.decode()
    assert developer.press(reverse("demo-send", args=["mail"])).status_code == 404
