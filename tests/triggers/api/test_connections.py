"""Connections over the API: secrets go in and never come out; what opens inner networks is a Developer's to set."""

from typing import Any

import pytest

from accounts.enums import Role
from accounts.models import AuditEntry, Connection, Secret
from tests.factories.accounts import make_user
from tests.factories.world import SECRET
from tests.triggers.api.test_triggers import Caller
from triggers.models import WebhookEndpoint

pytestmark = pytest.mark.django_db
CONNECTIONS = "/api/v1/connections/"
MAILBOX = {"host": "imap.example.com", "port": 993, "security": "ssl", "username": "support"}


@pytest.fixture
def ceo() -> Caller:
    return Caller(make_user(role=Role.CEO))


def test_a_webhook_connection_tells_its_address_and_its_secret_once(ceo: Caller) -> None:
    made = ceo.post(CONNECTIONS, name="Hooks", source="webhook", endpoint={"id_header": "X-Id"}).json()
    endpoint = WebhookEndpoint.objects.get()
    assert made["endpoint"]["url"].endswith(f"/hooks/{endpoint.path}")
    assert (made["endpoint"]["verification"], made["endpoint"]["id_header"]) == ("hmac_sha256", "X-Id")
    assert len(made["secret"]) >= 32
    shown = ceo.get(f"{CONNECTIONS}{made['id']}/")
    assert made["secret"] not in shown.content.decode()
    assert made["secret"] not in str(list(AuditEntry.objects.values("before", "after")))


def test_a_given_secret_is_taken_and_a_weak_one_refused(ceo: Caller) -> None:
    assert ceo.post(CONNECTIONS, name="A", source="github", secret=SECRET).json()["secret"] == SECRET
    weak = ceo.post(CONNECTIONS, name="B", source="github", secret="weak")
    assert (weak.status_code, weak.json()["errors"][0]["path"]) == (400, "secret")


def test_two_connections_of_one_owner_cannot_share_a_name(ceo: Caller) -> None:
    assert ceo.post(CONNECTIONS, name="A", source="github").status_code == 201
    again = ceo.post(CONNECTIONS, name="A", source="github")
    assert (again.status_code, again.json()["errors"][0]["path"]) == (400, "name")
    other = ceo.post(CONNECTIONS, name="B", source="github").json()
    renamed = ceo.patch(f"{CONNECTIONS}{other['id']}/", name="A")
    assert (renamed.status_code, renamed.json()["errors"][0]["path"]) == (400, "name")


def test_a_secret_is_replaced_and_the_old_one_ended(ceo: Caller) -> None:
    made = ceo.post(CONNECTIONS, name="A", source="github").json()
    path = f"{CONNECTIONS}{made['id']}/"
    rotated = ceo.post(f"{path}rotate-secret/").json()
    assert rotated["secret"] != made["secret"]
    assert Secret.objects.count() == 2
    assert ceo.post(f"{path}revoke-old-secrets/").json() == {"count": 1}
    assert Secret.objects.get().value == rotated["secret"]


def test_a_connection_is_paused_renamed_and_its_endpoint_switched_off(ceo: Caller) -> None:
    made = ceo.post(CONNECTIONS, name="A", source="webhook").json()
    changed = ceo.patch(
        f"{CONNECTIONS}{made['id']}/",
        name="B",
        is_paused=True,
        endpoint={"is_enabled": False, "rate_per_minute": 10},
    ).json()
    assert (changed["name"], changed["is_paused"]) == ("B", True)
    assert (changed["endpoint"]["is_enabled"], changed["endpoint"]["rate_per_minute"]) == (False, 10)
    assert changed["version"] > made["version"]


def test_an_endpoint_that_cannot_be_is_refused_with_its_reasons(ceo: Caller) -> None:
    response = ceo.post(CONNECTIONS, name="A", source="webhook", endpoint={"id_header": "not a header"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == "id_header"
    assert not Connection.objects.exists()


def test_a_mailbox_is_connected_and_its_password_never_shown(ceo: Caller) -> None:
    made = ceo.post(CONNECTIONS, name="Mail", source="email", secret=SECRET, mailbox=MAILBOX)
    assert (made.status_code, made.json()["secret"], made.json()["endpoint"]) == (201, "", None)
    assert SECRET not in made.content.decode()
    path = f"{CONNECTIONS}{made.json()['id']}/"
    assert ceo.post(f"{path}rotate-secret/", secret="another password").json() == {"secret": ""}
    assert Secret.objects.get().value == "another password"
    assert ceo.post(f"{path}revoke-old-secrets/").status_code == 400
    assert ceo.patch(path, config={"host": 5}).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "email", "mailbox": MAILBOX},
        {"source": "email", "secret": "password"},
        {"source": "email", "secret": "password", "mailbox": MAILBOX, "endpoint": {}},
        {"source": "webhook", "mailbox": MAILBOX},
        {"source": "slack"},
    ],
)
def test_a_connection_that_makes_no_sense_is_refused(ceo: Caller, wrong: dict[str, Any]) -> None:
    assert ceo.post(CONNECTIONS, name="A", **wrong).status_code == 400


def test_only_a_developer_opens_the_way_to_inner_networks(ceo: Caller) -> None:
    developer = Caller(make_user())
    body = {"name": "Mail", "source": "email", "secret": SECRET, "mailbox": {**MAILBOX, "allow_private": True}}
    assert ceo.post(CONNECTIONS, **body).status_code == 403
    made = ceo.post(CONNECTIONS, name="Mail", source="email", secret=SECRET, mailbox=MAILBOX).json()
    path = f"{CONNECTIONS}{made['id']}/"
    opened = {**made["config"], "allow_plain": True}
    assert ceo.patch(path, config=opened).status_code == 403
    assert developer.patch(path, config=opened).status_code == 200
    # It stands already: whoever changes something else leaves it as it is, and cannot turn it to another server.
    assert ceo.patch(path, config={**opened, "folder": "Open"}).status_code == 200
    assert ceo.patch(path, config={**opened, "host": "10.0.0.1"}, secret=SECRET).status_code == 403


def test_a_mailboxs_password_is_not_sent_to_another_server_than_it_was_given_for(ceo: Caller) -> None:
    made = ceo.post(CONNECTIONS, name="Mail", source="email", secret=SECRET, mailbox=MAILBOX).json()
    path, elsewhere = f"{CONNECTIONS}{made['id']}/", {**made["config"], "host": "mail.example.org"}
    refused = ceo.patch(path, config=elsewhere)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "secret")
    assert ceo.get(path).json()["config"]["host"] == MAILBOX["host"]
    assert ceo.patch(path, config=elsewhere, secret="the password over there").status_code == 200
    assert Secret.objects.get(connection_id=made["id"]).value == "the password over there"


def test_a_webhooks_secret_is_not_replaced_in_passing(ceo: Caller) -> None:
    made = ceo.post(CONNECTIONS, name="Hooks", source="webhook").json()
    assert ceo.patch(f"{CONNECTIONS}{made['id']}/", secret=SECRET).status_code == 400
