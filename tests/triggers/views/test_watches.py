"""Armed absences on the pages: what a trigger waits for and until when, and what an event did to it."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.enums import Role
from dct_site.templatetags.spans import ago_words
from tests.factories.accounts import make_user
from tests.factories.triggers import after, make_watch
from tests.factories.workspaces import make_item
from tests.factories.world import World, make_world
from triggers.enums import WatchStatus
from triggers.models import Event, Watch
from triggers.views import editor, events

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world(make_user(role=Role.CEO))


def words_of(world: World, address: str) -> str:
    """The text of a page as its owner sees it."""
    client = Client()
    client.force_login(world.owner)
    response = client.get(address)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_page_of_a_trigger_tells_the_next_that_are_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editor, "WATCHES", 1)
    for at in (60, 120):
        make_watch(world.trigger, world.event, condition=f"{at}", due_at=after(at))
    make_watch(world.trigger, world.event, condition="over", status=WatchStatus.DISARMED, due_at=after(1))
    page = words_of(world, f"/triggers/{world.trigger.pk}/")
    said = page[page.index("Waits for silence") :][:200]
    assert world.item.title in said
    assert f"armed by EV-{world.event.pk} due {ago_words(after(60), timezone.now())}" in said
    assert "and 2 more, due later" in said


def test_where_nothing_is_armed_the_page_says_nothing_of_it(world: World) -> None:
    Watch.objects.all().delete()
    assert "Waits for silence" not in words_of(world, f"/triggers/{world.trigger.pk}/")


def test_a_watch_of_somebody_elses_item_is_not_shown(world: World) -> None:
    other = make_world(make_user(role=Role.CEO))
    Watch.objects.filter(pk=other.watch.pk).update(trigger=world.trigger)
    page = words_of(world, f"/triggers/{world.trigger.pk}/")
    assert f"EV-{world.event.pk}" in page
    assert f"EV-{other.event.pk}" not in page


def test_the_page_of_an_event_tells_what_it_armed_and_what_ended_that(world: World) -> None:
    address = f"/events/{world.event.pk}/"
    assert "This event armed a watch Armed, due" in words_of(world, address)
    began, later = world.event.pk, world.event
    later.pk = None
    later.external_id = "later"
    later.save(force_insert=True)
    Watch.objects.update(status=WatchStatus.DISARMED, ended_by=later)
    assert f"This event armed a watch ended by EV-{later.pk} Disarmed, due" in words_of(world, address)
    said = words_of(world, f"/events/{later.pk}/?trigger={world.trigger.pk}")
    assert f"This event disarmed the watch armed by EV-{began} Disarmed, due" in said


def test_the_page_of_the_event_of_the_clock_tells_whose_time_was_up(world: World) -> None:
    began = world.event.pk
    Watch.objects.update(status=WatchStatus.ELAPSED, delivery_id=world.event.delivery_id, armed_by=began)
    timer = Event.objects.get(pk=began)
    timer.pk, timer.external_id, timer.origin = None, "timer", "timer"
    timer.target_trigger_id = world.trigger.pk
    timer.save(force_insert=True)
    said = words_of(world, f"/events/{timer.pk}/?trigger={world.trigger.pk}")
    assert f"Its time was up: the watch armed by EV-{began} Time is up, due" in said


def test_the_page_of_an_item_tells_what_waits_and_for_what_hangs_under_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "WATCHES", 2)
    Watch.objects.all().delete()
    below = make_item(connection=world.connection, parent=world.item, title="A nail in the door")
    make_watch(world.trigger, world.event, condition="1", due_at=after(60))
    make_watch(world.trigger, world.event, condition="2", due_at=after(120), item=below)
    make_watch(world.trigger, world.event, condition="3", due_at=after(180))
    make_watch(world.trigger, world.event, condition="over", status=WatchStatus.DISARMED, due_at=after(1))
    for part in ("", "&part=watches"):
        page = words_of(world, f"/events/?item={world.item.pk}{part}")
        said = page[page.index("Waits for silence") :]
        due = ago_words(after(60), timezone.now())
        assert f"{world.trigger.name} armed by EV-{world.event.pk} due {due}" in said
        assert f"{world.trigger.name} of A nail in the door , armed by" in said
        assert "and 1 more, due later" in said
    assert "A nail in the door" not in words_of(world, f"/events/?item={below.pk}&part=watches")


def test_where_nothing_of_an_item_is_armed_there_is_still_a_place_that_hears_of_it(world: World) -> None:
    Watch.objects.all().delete()
    client = Client()
    client.force_login(world.owner)
    page = client.get(f"/events/?item={world.item.pk}").content.decode()
    assert "Waits for silence" not in page
    assert 'id="item-watches"' in page
    assert 'data-topic="watches"' in page
    assert "item-watches" not in client.get("/events/").content.decode()
    assert client.get("/events/?part=watches").status_code == 404
    assert client.get("/events/?part=watches&item=0").status_code == 404


def test_the_page_of_an_item_shows_no_watch_of_a_trigger_that_one_may_not_see(world: World) -> None:
    other = make_world(make_user(role=Role.CEO))
    Watch.objects.filter(pk=world.watch.pk).update(trigger=other.trigger)
    assert "Waits for silence" not in words_of(world, f"/events/?item={world.item.pk}")
    assert "Waits for silence" not in words_of(world, f"/events/?item={other.item.pk}")
