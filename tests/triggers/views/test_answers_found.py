"""Why did it not fire, asked from both ends: of an event about any trigger, of a trigger about its last answers."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, make_trigger
from tests.factories.world import SYSTEM, World, make_world
from triggers.models import Decision, Event, Trigger
from triggers.services import drafts, publishing
from triggers.views import event as event_page

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world(make_user(role=Role.CEO))


def page_of(world: World, address: str) -> str:
    client = Client()
    client.force_login(world.owner)
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_trigger_that_was_not_asked_is_chosen_to_be_told_why(world: World) -> None:
    silent = make_trigger(owner=world.owner, name="Silent one")
    foreign = make_trigger(owner=make_user(), name="Foreign one")
    address = f"/events/{world.event.pk}/"
    page = page_of(world, address)
    assert f'<option value="{silent.pk}" >Silent one</option>' in page
    assert foreign.name not in page
    assert f'<option value="{world.trigger.pk}"' not in page
    told = page_of(world, f"{address}?trigger={silent.pk}")
    assert "Silent one was not asked." in words_of(told)
    assert f'<option value="{silent.pk}" selected>Silent one</option>' in told
    assert page_of(world, f"{address}?trigger=")


def test_where_every_trigger_was_asked_there_is_none_to_choose(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    Trigger.objects.exclude(pk=world.trigger.pk).delete()
    assert "ask-other" not in page_of(world, f"/events/{world.event.pk}/")
    for name in ("Another", "Beyond"):
        make_trigger(owner=world.owner, name=name)
    monkeypatch.setattr(event_page, "OTHERS", 1)
    page = page_of(world, f"/events/{world.event.pk}/")
    assert ("Another" in page, "Beyond" in page) == (True, False)


def test_the_history_of_a_trigger_tells_its_last_answers(world: World) -> None:
    later = Event.objects.get(pk=world.event.pk)
    later.pk, later.external_id = None, "later"
    later.save(force_insert=True)
    values = {"trigger": world.trigger, "revision": world.trigger.published, "generation": 1, "at": NOON}
    Decision.objects.create(event=later, outcome="suppressed", suppressed_by="rate", detail="so it is", **values)
    page = page_of(world, f"/triggers/{world.trigger.pk}/")
    said = words_of(page)
    said = said[said.index("Last answers") :]
    assert said.index(f"Suppressed: EV-{later.pk}") < said.index(f"Fired: EV-{world.event.pk}")
    assert "so it is" in said
    assert f"/events/{later.pk}/?trigger={world.trigger.pk}" in page


def test_the_history_of_a_trigger_tells_nothing_of_events_that_one_may_not_see(world: World) -> None:
    other = make_world(make_user(role=Role.CEO))
    Decision.objects.filter(pk=world.decision.pk).update(event=other.event)
    assert f"EV-{other.event.pk}" not in page_of(world, f"/triggers/{world.trigger.pk}/")


def test_each_revision_tells_what_it_changed_against_the_one_before(world: World) -> None:
    trigger = make_trigger(owner=world.owner, name="First")
    for name in ("Second", "Second", "Third"):
        draft = {**trigger.draft, "name": name}
        drafts.save_draft(trigger=trigger, document=draft, version=trigger.version, by=SYSTEM, now=NOON)
        publishing.publish(trigger=trigger, by=SYSTEM, now=NOON, version=trigger.version)
    said = words_of(page_of(world, reverse("trigger", args=[trigger.pk])))
    said = said[said.index("Revisions") :]
    assert "What it changed against revision 3 name: Third, was Second" in said
    assert "What it changed against revision 2 Nothing" in said
    assert "What it changed against revision 1 name: Second, was First" in said
    assert "against revision 0" not in said


def test_no_sample_and_no_try_asks_about_what_was_meant_for_another_trigger(world: World) -> None:
    other = make_trigger(owner=world.owner, item=world.item)
    for target in (other.pk, world.trigger.pk):
        timer = Event.objects.get(pk=world.event.pk)
        timer.pk, timer.external_id, timer.target_trigger_id = None, f"timer {target}", target
        timer.save(force_insert=True)
    client = Client()
    client.force_login(world.owner)
    ours = Event.objects.get(target_trigger_id=world.trigger.pk).pk
    page = client.get(f"/triggers/{world.trigger.pk}/")
    assert [sample["value"] for sample in page.context["samples"]] == [ours, world.event.pk]
    tried = client.post(f"/api/v1/triggers/{world.trigger.pk}/test/", {"last": 9}, content_type="application/json")
    assert [one["event"] for one in tried.json()["results"]] == [ours, world.event.pk]
    theirs = client.get(f"/triggers/{world.trigger.pk}/try/").content.decode()
    assert f"/events/{ours}/" in theirs
    assert f"/events/{Event.objects.get(target_trigger_id=other.pk).pk}/" not in theirs
