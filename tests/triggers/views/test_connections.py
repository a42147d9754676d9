"""Connections: made, changed, their secrets shown once and never again."""

from typing import Any

import pytest
from django.urls import reverse

from accounts.actor import Actor
from accounts.enums import Role, Source
from accounts.models import Connection, Secret, User
from tests.factories.triggers import NOON
from tests.triggers.views.people import Visitor, visitor
from triggers.models import ContextListener
from triggers.services import mailboxes
from triggers.services.endpoints import Created, create_webhook_connection
from triggers.sources.base import PollFailed, PollFailure
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db

MAIL: dict[str, Any] = {
    "name": "Ops mailbox",
    "host": "imap.example.com",
    "port": 993,
    "security": "ssl",
    "username": "ops@example.com",
    "password": "a secret word",
    "folder": "INBOX",
}


def hooks(owner: User, **over: Any) -> Created:
    values = {"name": "Hooks", "source": Source.GITHUB, "by": Actor.system(), "now": NOON, **over}
    return create_webhook_connection(owner=owner, **values)


def mailbox(owner: User) -> Connection:
    return mailboxes.create_mail_connection(
        owner=owner, by=Actor.system(), now=NOON, **{**MAIL, "name": "Box", "security": "ssl"}
    )


def test_a_github_connection_shows_its_address_and_secret_once(developer: Visitor) -> None:
    answer = developer.post(reverse("connection-new", args=["github"]), {"name": "Ferry", "tenant": "harbor"})
    row = Connection.objects.get(name="Ferry")
    secret = Secret.objects.get(connection=row).value
    text = answer.content.decode()
    assert secret in text
    assert row.endpoint.path in text
    assert "no-store" in answer.headers["Cache-Control"]
    again = developer.get(reverse("connections")).content.decode()
    assert secret not in again
    assert secret not in developer.get(reverse("connection", args=[row.pk])).content.decode()


def test_a_name_that_is_taken_is_said_at_its_field(developer: Visitor) -> None:
    hooks(developer.user)
    answer = developer.post(reverse("connection-new", args=["github"]), {"name": "Hooks"})
    assert answer.status_code == 422
    assert "You have a connection of this name already." in answer.content.decode()
    assert Connection.objects.count() == 1


def test_a_webhook_connection_takes_its_own_headers(developer: Visitor) -> None:
    url = reverse("connection-new", args=["webhook"])
    wrong = {"name": "Shop", "verification": "hmac_sha256", "signature_header": "X Sign"}
    assert "This is not a header" in developer.post(url, wrong).content.decode()
    developer.post(
        url, {**wrong, "signature_header": "X-Sign", "id_path": "order.id", "allowed_actors": "ann\r\n\r\nbob"}
    )
    endpoint = Connection.objects.get(name="Shop").endpoint
    assert (endpoint.signature_header, endpoint.id_path) == ("X-Sign", "order.id")
    assert endpoint.allowed_actors == ["ann", "bob"]


def test_a_connection_for_events_is_made_and_renamed(developer: Visitor) -> None:
    url = reverse("connection-new", args=["cloudevents"])
    assert "API token" in developer.get(url).content.decode()
    developer.post(url, {"name": "Shop"})
    row = Connection.objects.get(name="Shop")
    assert (row.source, row.owner, hasattr(row, "endpoint")) == ("cloudevents", developer.user, False)
    told = developer.get(reverse("connections")).content.decode()
    assert f"/api/v1/events/?connection={row.pk}" in told
    assert "already" in developer.post(url, {"name": "Shop"}).content.decode()
    edit = reverse("connection", args=[row.pk])
    developer.post(edit, {"name": "Orders", "is_enabled": "on", "is_paused": "on", "version": row.version})
    row.refresh_from_db()
    assert (row.name, row.is_paused, row.is_enabled) == ("Orders", True, True)


def test_an_unknown_source_is_not_there(developer: Visitor) -> None:
    assert developer.get(reverse("connection-new", args=["carrier-pigeon"])).status_code == 404
    assert developer.post(reverse("connection-new", args=["carrier-pigeon"]), {}).status_code == 404


def test_a_mailbox_is_signed_in_to_before_it_is_saved(developer: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise PollFailed(PollFailure.CREDENTIALS, "The server refused the password.")

    monkeypatch.setattr(mailboxes, "check_connection", refused)
    url = reverse("connection-new", args=["email"])
    answer = developer.post(url, {**MAIL, "is_tried": "on"})
    assert answer.status_code == 422
    assert "The server refused the password." in answer.content.decode()
    assert MAIL["password"] not in answer.content.decode()
    assert not Connection.objects.exists()
    assert developer.post(url, MAIL).headers["Location"] == reverse("connections")
    assert ContextItem.objects.get(is_watched=True).external_key == "ops@example.com"


def test_saving_a_mailbox_without_a_password_keeps_the_stored_one(developer: Visitor) -> None:
    row = mailbox(developer.user)
    url = reverse("connection", args=[row.pk])
    posted = {**MAIL, "name": "Renamed", "password": "", "is_enabled": "on", "version": row.version}
    assert developer.post(url, posted).status_code == 302
    row.refresh_from_db()
    assert row.name == "Renamed"
    assert Secret.objects.get(connection=row).value == MAIL["password"]
    posted |= {"password": "another word", "version": row.version}
    assert developer.post(url, posted).status_code == 302
    assert Secret.objects.get(connection=row).value == "another word"


def test_a_stale_form_is_refused_whole(developer: Visitor) -> None:
    made = hooks(developer.user)
    url = reverse("connection", args=[made.connection.pk])
    stale = {"name": "Stale", "is_enabled": "on", "version": 99, "allowed_actors": "eve"}
    answer = developer.post(url, stale)
    assert answer.status_code == 422
    made.connection.refresh_from_db()
    made.endpoint.refresh_from_db()
    assert made.connection.name == "Hooks"
    assert made.endpoint.allowed_actors == []


def test_pausing_a_source_shows_on_the_list(developer: Visitor) -> None:
    made = hooks(developer.user)
    url = reverse("connection", args=[made.connection.pk])
    developer.post(url, {"name": "Hooks", "is_enabled": "on", "is_paused": "on", "version": made.connection.version})
    assert "heard, but nothing fires" in developer.get(reverse("connections")).content.decode()


def test_only_developers_may_open_the_way_to_inner_networks(support: Visitor, developer: Visitor) -> None:
    url = reverse("connection-new", args=["email"])
    assert "allow_private" in developer.get(url).content.decode()
    assert "allow_private" not in support.get(url).content.decode()
    support.post(url, {**MAIL, "allow_private": "on", "allow_plain": "on"})
    assert "allow_private" not in Connection.objects.get().config


def test_an_opened_way_is_not_turned_to_another_server(support: Visitor) -> None:
    row = mailbox(support.user)
    Connection.objects.filter(pk=row.pk).update(config={**row.config, "allow_private": True})
    url = reverse("connection", args=[row.pk])
    posted = {**MAIL, "password": "", "is_enabled": "on", "version": row.version}
    assert support.post(url, {**posted, "host": "10.0.0.1", "password": "mine"}).status_code == 403
    row.refresh_from_db()
    assert row.config["host"] == MAIL["host"]
    assert support.post(url, posted).status_code == 302
    row.refresh_from_db()
    assert row.config["allow_private"] is True


def test_a_mailbox_that_moves_to_another_server_needs_its_password_again(support: Visitor) -> None:
    row = mailbox(support.user)
    url = reverse("connection", args=[row.pk])
    moved = {**MAIL, "password": "", "is_enabled": "on", "version": row.version, "host": "mail.example.org"}
    answer = support.post(url, moved)
    assert answer.status_code == 422
    assert "The stored password was given for another server." in answer.content.decode()
    assert support.post(url, {**moved, "password": "the new one"}).status_code == 302
    row.refresh_from_db()
    assert (row.config["host"], Secret.objects.get(connection=row).value) == ("mail.example.org", "the new one")


def test_a_new_secret_is_shown_once_and_the_old_one_ends_on_demand(developer: Visitor) -> None:
    made = hooks(developer.user)
    answer = developer.post(reverse("connection-secret", args=[made.connection.pk]))
    fresh = Secret.objects.get(connection=made.connection, expires_at=None).value
    assert fresh in answer.content.decode()
    assert fresh != made.secret
    developer.press(reverse("connection-revoke", args=[made.connection.pk]))
    assert Secret.objects.filter(connection=made.connection).count() == 1


def test_a_secret_is_made_by_a_post_alone(developer: Visitor) -> None:
    made = hooks(developer.user)
    developer.get(reverse("connection-secret", args=[made.connection.pk]))
    assert Secret.objects.get(connection=made.connection).value == made.secret


def test_a_mailbox_is_looked_into_at_once(developer: Visitor) -> None:
    row = mailbox(developer.user)
    ContextListener.objects.filter(connection=row).update(next_due_at=None)
    assert developer.press(reverse("connection-poll", args=[row.pk])).status_code == 204
    assert ContextListener.objects.get(connection=row, item=None).next_due_at is not None
    hook = hooks(developer.user).connection
    assert developer.press(reverse("connection-poll", args=[hook.pk])).status_code == 409


def test_the_address_of_a_webhook_is_for_those_who_may_manage_it() -> None:
    owner = visitor(Role.CEO)
    made = hooks(owner.user)
    assert made.endpoint.path in owner.get(reverse("connections")).content.decode()
    assert made.endpoint.path not in visitor(Role.CEO).get(reverse("connections")).content.decode()


def test_watching_a_repository_puts_it_on_a_card(developer: Visitor) -> None:
    made = hooks(developer.user)
    posted = {"connection": made.connection.pk, "kind": "repository", "key": "harbor/ferry-api"}
    assert developer.press(reverse("watch"), {**posted, "kind": "stream"}).status_code == 422
    answer = developer.press(reverse("watch"), posted)
    assert answer.headers["HX-Redirect"] == reverse("library")
    item = ContextItem.objects.get(external_key="harbor/ferry-api")
    assert (item.is_watched, item.url) == (True, "https://github.com/harbor/ferry-api")
    assert developer.press(reverse("watch"), {**posted, "key": "a\u202eb"}).status_code == 422
