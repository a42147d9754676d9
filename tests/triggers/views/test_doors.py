"""Every page of what one sets up, for every role: open, refused, or not there at all (T10)."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from guardian.shortcuts import assign_perm

from accounts.actor import Actor
from accounts.enums import Role, Source, Toggle
from accounts.models import User
from accounts.services import people
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile
from tests.factories.triggers import NOON, make_jira, make_trigger
from tests.factories.workspaces import make_item, make_template
from tests.triggers.views.people import Visitor, visitor
from triggers.models import Trigger
from triggers.services.endpoints import create_webhook_connection

pytestmark = pytest.mark.django_db

PUBLIC_PAGES = (
    "library",
    "triggers",
    "connections",
    "templates",
    "profiles",
    "me",
    "jump",
    "watch",
    "trigger-new",
    "template-new",
    "profile-new",
    "password",
    "token-new",
)


def belongings(owner: User) -> dict[str, Any]:
    """One of everything that a person can own here."""
    connection = make_jira(owner=owner)
    item = make_item(connection=connection, is_watched=True)
    hook = create_webhook_connection(
        name="Hooks", source=Source.GITHUB, owner=owner, by=Actor.system(), now=NOON
    ).connection
    return {
        "item": item,
        "trigger": make_trigger(item=item, owner=owner),
        "template": make_template({"work/notes.md": "Notes."}, owner=owner, name=f"Kit of {owner}"),
        "profile": make_profile(owner=owner, name=f"Helper of {owner}"),
        "connection": hook,
    }


def pages_of(things: dict[str, Any]) -> list[str]:
    """Pages that are about one thing."""
    ids = {name: thing.pk for name, thing in things.items()}
    return [
        reverse("card", args=[ids["item"]]),
        reverse("trigger", args=[ids["trigger"]]),
        f"{reverse('trigger', args=[ids['trigger']])}?part=modal",
        f"{reverse('trigger', args=[ids['trigger']])}?part=row",
        f"{reverse('trigger-new')}?item={ids['item']}",
        reverse("trigger-try", args=[ids["trigger"]]),
        reverse("trigger-backtest", args=[ids["trigger"]]),
        reverse("template", args=[ids["template"]]),
        reverse("template-file", args=[ids["template"]]),
        f"{reverse('template-file', args=[ids['template']])}?path=work/notes.md",
        reverse("profile", args=[ids["profile"]]),
        reverse("connection", args=[ids["connection"]]),
    ]


def acts_of(things: dict[str, Any]) -> list[str]:
    """Addresses that change one thing."""
    ids = {name: thing.pk for name, thing in things.items()}
    on_trigger = ("draft", "publish", "shadow", "discard", "fire", "pause", "resume", "activate", "disable", "delete")
    return [
        reverse("card-watch", args=[ids["item"]]),
        reverse("card-unwatch", args=[ids["item"]]),
        *(reverse(f"trigger-{name}", args=[ids["trigger"]]) for name in on_trigger),
        reverse("trigger-rollback", args=[ids["trigger"], 1]),
        reverse("trigger-try", args=[ids["trigger"]]),
        reverse("trigger-backtest", args=[ids["trigger"]]),
        reverse("template", args=[ids["template"]]),
        reverse("template-archive", args=[ids["template"]]),
        reverse("template-file", args=[ids["template"]]),
        f"{reverse('template-file-delete', args=[ids['template']])}?path=work/notes.md",
        reverse("profile", args=[ids["profile"]]),
        reverse("profile-archive", args=[ids["profile"]]),
        reverse("connection", args=[ids["connection"]]),
        reverse("connection-poll", args=[ids["connection"]]),
        reverse("connection-secret", args=[ids["connection"]]),
        reverse("connection-revoke", args=[ids["connection"]]),
    ]


@pytest.mark.parametrize("name", PUBLIC_PAGES)
def test_a_page_asks_to_sign_in_first(client: Client, name: str) -> None:
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("login"))


def test_a_button_of_somebody_signed_out_leads_to_the_sign_in_page(client: Client) -> None:
    page = {"HX-Request": "true", "HX-Current-URL": "http://testserver/triggers/?q=late"}
    answer = client.post(reverse("trigger-pause", args=[1]), headers=page)
    to_there_again = f"{reverse('login')}?next=/triggers/%3Fq%3Dlate"
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, to_there_again)
    assert ["signed out" in str(message) for message in get_messages(answer.wsgi_request)] == [True]
    elsewhere = {"HX-Request": "true", "HX-Current-URL": "http://example.org/triggers/"}
    answer = client.post(reverse("trigger-pause", args=[1]), headers=elsewhere)
    assert answer.headers["HX-Redirect"] == f"{reverse('login')}?next=/"


@pytest.mark.unmeasured
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", PUBLIC_PAGES)
def test_every_role_opens_the_pages_that_are_about_nothing_in_particular(role: Role, name: str) -> None:
    assert visitor(role).get(reverse(name)).status_code == 200


@pytest.mark.unmeasured
@pytest.mark.parametrize("role", Role)
def test_every_role_opens_its_own_things(role: Role) -> None:
    person = visitor(role)
    for url in pages_of(belongings(person.user)):
        assert person.get(url).status_code == 200, url


def test_a_superuser_opens_everything(ceo: Visitor) -> None:
    admin = visitor(is_superuser=True)
    for url in pages_of(belongings(ceo.user)):
        assert admin.get(url).status_code == 200, url


def test_what_belongs_to_another_is_not_there(ceo: Visitor, stranger: Visitor) -> None:
    for url in pages_of(belongings(ceo.user)):
        assert stranger.get(url).status_code == 404, url


def test_nothing_of_another_can_be_changed(ceo: Visitor, stranger: Visitor) -> None:
    things = belongings(ceo.user)
    before = {name: type(thing).objects.filter(pk=thing.pk).values().get() for name, thing in things.items()}
    for url in acts_of(things):
        assert stranger.post(url).status_code == 404, url
        assert stranger.press(url).status_code == 404, url
    after = {name: type(thing).objects.filter(pk=thing.pk).values().get() for name, thing in things.items()}
    assert after == before


def test_lists_name_nothing_of_another(ceo: Visitor, stranger: Visitor) -> None:
    things = belongings(ceo.user)
    for name in ("library", "triggers", "templates", "profiles", "connections"):
        text = stranger.get(reverse(name)).content.decode()
        for thing in things.values():
            assert str(thing) not in text, (name, thing)
    assert str(things["trigger"]) not in stranger.get(f"{reverse('jump')}?q=trigger").content.decode()


def test_choices_in_forms_name_nothing_of_another(ceo: Visitor, stranger: Visitor) -> None:
    hidden, own = belongings(ceo.user), belongings(stranger.user)
    urls = [reverse("trigger", args=[own["trigger"].pk]), reverse("trigger-new"), reverse("watch")]
    for url in [*urls, reverse("template", args=[own["template"].pk])]:
        text = stranger.get(url).content.decode()
        assert f'value="item:{hidden["item"].pk}"' not in text
        assert f'value="connection:{hidden["connection"].pk}"' not in text


def test_a_switched_off_feature_says_so(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    people.flip_toggle(key=Toggle.TRIGGER_MANAGEMENT, is_on=False, by=Actor.system(), now=NOON)
    answer = developer.press(reverse("trigger-pause", args=[trigger.pk]))
    assert answer.status_code == 403
    assert "switched off for everyone" in answer.json()["detail"]
    assert reverse("trigger-pause", args=[trigger.pk]) not in developer.get(reverse("triggers")).content.decode()


def test_a_deleted_trigger_is_gone(developer: Visitor) -> None:
    trigger = make_trigger(owner=developer.user)
    answer = developer.press(reverse("trigger-delete", args=[trigger.pk]))
    assert answer.headers["HX-Redirect"] == reverse("triggers")
    assert developer.get(reverse("trigger", args=[trigger.pk])).status_code == 404
    assert Trigger.objects.get(pk=trigger.pk).deleted_at is not None


def test_an_id_that_is_none_is_not_there(developer: Visitor) -> None:
    for url in (
        f"{reverse('trigger-new')}?item=x",
        f"{reverse('library')}?older=x",
        f"{reverse('triggers')}?newer=AAAA",
    ):
        assert developer.get(url).status_code == 404, url


def test_a_person_who_was_let_out_sees_nothing_any_more(ceo: Visitor) -> None:
    ceo.user.is_active = False
    ceo.user.save(update_fields=["is_active"])
    assert ceo.get(reverse("library")).status_code == 302
    assert make_user().is_active


def test_who_was_let_to_look_may_not_touch(ceo: Visitor, stranger: Visitor) -> None:
    things = belongings(ceo.user)
    for name in ("trigger", "template", "profile", "connection"):
        model = type(things[name])._meta
        assign_perm(f"{model.app_label}.view_{model.model_name}", stranger.user, things[name])
    item = things["item"]
    assign_perm("accounts.view_connection", stranger.user, item.connection)
    for url in acts_of(things):
        assert stranger.press(url).status_code in (403, 405), url
    trigger = things["trigger"]
    page = stranger.get(reverse("trigger", args=[trigger.pk])).content.decode()
    for act in ("draft", "try", "publish", "shadow", "fire", "pause", "disable", "delete"):
        assert reverse(f"trigger-{act}", args=[trigger.pk]) not in page
    assert reverse("card-unwatch", args=[item.pk]) not in stranger.get(reverse("library")).content.decode()
    assert things["connection"].endpoint.path not in stranger.get(reverse("connections")).content.decode()
    assert reverse("template-file", args=[things["template"].pk]) not in (
        stranger.get(reverse("template", args=[things["template"].pk])).content.decode()
    )


def test_who_was_let_to_change_may(ceo: Visitor, stranger: Visitor) -> None:
    trigger = make_trigger(owner=ceo.user)
    assign_perm("triggers.change_trigger", stranger.user, trigger)
    assert stranger.press(reverse("trigger-pause", args=[trigger.pk])).status_code == 204
    trigger.refresh_from_db()
    assert trigger.status == "paused"
