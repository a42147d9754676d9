"""Triggers, connections, items and executions in the admin: every change goes through its service."""

import json
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.actor import Actor
from accounts.enums import Role, Source
from accounts.models import AuditEntry, Connection, Secret, User
from tests.factories.accounts import make_user
from tests.factories.executions import make_running_trigger
from tests.factories.triggers import make_trigger
from tests.factories.workspaces import make_connection, make_item
from tests.factories.world import NOON, SECRET, World, make_world
from triggers.enums import ExecutionStatus, TriggerStatus
from triggers.models import Trigger, WebhookEndpoint
from triggers.services.keeping.retention import change_retention

pytestmark = pytest.mark.django_db


@pytest.fixture
def developer(db: None) -> User:
    return make_user(role=Role.DEVELOPER, is_staff=True)


@pytest.fixture
def client(developer: User) -> Client:
    return signed_in(developer)


@pytest.fixture
def world(developer: User) -> World:
    return make_world(developer)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def told(response: Any) -> str:
    return " ".join(str(one) for one in get_messages(response.wsgi_request))


def act(client: Client, model: str, action: str, *rows: Any) -> str:
    """What an action on the rows reports."""
    client.get("/admin/")  # what was told before is drawn, and gone
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return told(client.post(f"/admin/triggers/{model}/", chosen))


def test_no_text_breaks_the_form_of_a_trigger(client: Client) -> None:
    trigger = make_trigger()
    before = trigger.version
    for text, words in (
        ("[" * 50_000 + "]" * 50_000, "nested"),
        ('{"name": "\\ud800"}', "half of a surrogate pair"),
        ('{"name": "x",}', "at line 1, column"),
    ):
        answer = client.post(f"/admin/triggers/trigger/{trigger.pk}/change/", {"draft": text, "seen_version": before})
        assert answer.status_code == 200
        assert words in answer.content.decode()
    trigger.refresh_from_db()
    assert trigger.version == before


def test_pausing_reports_what_was_paused_already(client: Client) -> None:
    rows = [make_trigger(), make_trigger()]
    assert act(client, "trigger", "pause", rows[0]) == "1 paused."
    assert act(client, "trigger", "pause", *rows) == "1 paused, 1 already paused."
    assert set(Trigger.objects.values_list("status", flat=True)) == {TriggerStatus.PAUSED}
    assert AuditEntry.objects.filter(action="trigger.paused", via="admin").count() == 2


def test_an_action_says_why_a_row_was_refused(client: Client, developer: User) -> None:
    draft = Trigger.objects.create(owner=developer, name="New", draft={}, created_at=NOON, updated_at=NOON)
    assert act(client, "trigger", "pause", draft).startswith("1 not: Nothing of this trigger is published yet.")


def test_an_action_reaches_only_own_rows() -> None:
    own = make_user(role=Role.CEO, is_staff=True)
    others = make_trigger()
    assert act(signed_in(own), "trigger", "pause", others) == ""
    others.refresh_from_db()
    assert others.status == TriggerStatus.ACTIVE


def test_a_wrong_document_is_refused_in_the_words_of_the_api(client: Client, world: World) -> None:
    draft = {**world.trigger.draft, "priority": 11, "surprise": 1}
    address = f"/admin/triggers/trigger/{world.trigger.pk}/change/"
    body = client.post(address, {"draft": json.dumps(draft)}).content.decode()
    assert "priority must be at most 10." in body
    assert "surprise does not exist" in body
    world.trigger.refresh_from_db()
    assert "priority" not in world.trigger.draft


def test_a_wrong_condition_is_refused_at_the_draft(client: Client, world: World) -> None:
    draft = {**world.trigger.draft, "conditions": {"all": [{"type": "no such thing", "config": {}}]}}
    address = f"/admin/triggers/trigger/{world.trigger.pk}/change/"
    response = client.post(address, {"draft": json.dumps(draft)})
    assert response.status_code == 200
    assert response.context["adminform"].form.errors["draft"]


def test_a_draft_is_saved_and_published(client: Client, world: World) -> None:
    draft = {**world.trigger.draft, "name": "Renamed"}
    address = f"/admin/triggers/trigger/{world.trigger.pk}/change/"
    seen = {"seen_version": world.trigger.version}
    saved = client.post(address, {"draft": json.dumps(draft), **seen})
    assert saved.status_code == 302, saved.context["errors"]
    assert act(client, "trigger", "publish_the_draft", world.trigger) == "1 published."
    world.trigger.refresh_from_db()
    assert world.trigger.name == "Renamed"
    assert act(client, "trigger", "publish_the_draft", world.trigger) == "1 published already."


def test_the_second_of_two_editors_is_told(client: Client, world: World) -> None:
    draft = {**world.trigger.draft, "name": "Renamed"}
    address = f"/admin/triggers/trigger/{world.trigger.pk}/change/"
    stale = {"draft": json.dumps(draft), "seen_version": world.trigger.version - 1}
    assert "Somebody else changed this" in client.post(address, stale).content.decode()
    world.trigger.refresh_from_db()
    assert world.trigger.draft["name"] != "Renamed"


def test_a_high_priority_takes_a_right_of_its_own() -> None:
    own = make_user(role=Role.CEO, is_staff=True)
    trigger = make_trigger(owner=own)
    draft = json.dumps({**trigger.draft, "priority": 9})
    body = signed_in(own).post(f"/admin/triggers/trigger/{trigger.pk}/change/", {"draft": draft}).content.decode()
    assert "Your role may not do this" in body
    trigger.refresh_from_db()
    assert "priority" not in trigger.draft


def test_deleting_a_trigger_hides_it_and_keeps_its_history(client: Client) -> None:
    trigger = make_running_trigger()
    client.post(f"/admin/triggers/trigger/{trigger.pk}/delete/", {"post": "yes"})
    trigger.refresh_from_db()
    assert (trigger.deleted_at is not None, trigger.status) == (True, TriggerStatus.DISABLED)
    assert client.get(f"/admin/triggers/trigger/{trigger.pk}/change/").status_code == 404


def test_a_webhook_connection_is_made_and_its_secret_told_once(client: Client) -> None:
    response = client.post("/admin/accounts/connection/add/", {"name": "Hooks", "source": "github"})
    made = Connection.objects.get(name="Hooks")
    secret = Secret.objects.get(connection=made)
    assert f"is {secret.value} –" in told(response)
    assert secret.value in client.get("/admin/").content.decode()
    assert secret.value not in client.get(f"/admin/accounts/connection/{made.pk}/change/").content.decode()


def test_a_secret_is_replaced_and_never_drawn(client: Client, world: World) -> None:
    address = f"/admin/accounts/connection/{world.connection.pk}/change/"
    form = {"name": world.connection.name, "config": "{}", "is_enabled": "on", "secret": "another-secret-0123456789"}
    saved = client.post(address, form)
    assert saved.status_code == 302, saved.context["errors"]
    current = Secret.objects.get(connection=world.connection, expires_at=None)
    assert current.value == "another-secret-0123456789"
    body = client.get(address).content.decode()
    assert "another-secret" not in body
    assert SECRET not in body


def test_a_short_secret_is_refused_at_its_field(client: Client, world: World) -> None:
    address = f"/admin/accounts/connection/{world.connection.pk}/change/"
    form = {"name": "Renamed", "config": "{}", "is_enabled": "on", "secret": "short-one"}
    response = client.post(address, form)
    assert not Connection.objects.filter(name="Renamed").exists()
    assert response.context["adminform"].form.errors["secret"]
    assert "short-one" not in response.content.decode()


def test_the_way_to_inner_networks_is_a_developers_to_open() -> None:
    own = make_user(role=Role.CEO, is_staff=True)
    row = make_connection(owner=own)
    form = {"name": row.name, "config": '{"allow_private": true}', "is_enabled": "on"}
    body = signed_in(own).post(f"/admin/accounts/connection/{row.pk}/change/", form).content.decode()
    assert "Your role may not do this" in body
    row.refresh_from_db()
    assert row.config == {}


def test_a_stored_password_does_not_follow_a_mailbox_to_another_server(client: Client) -> None:
    config = {"host": "imap.example.com", "port": 993, "security": "ssl", "username": "ops"}
    row = make_connection(source=Source.EMAIL, config=config)
    form = {"name": row.name, "config": json.dumps({**config, "host": "mail.example.org"}), "is_enabled": "on"}
    body = client.post(f"/admin/accounts/connection/{row.pk}/change/", form).content.decode()
    assert "The stored password was given for another server." in body
    row.refresh_from_db()
    assert row.config == config


def test_an_endpoint_keeps_its_rules(client: Client, world: World) -> None:
    endpoint = WebhookEndpoint.objects.get(connection=world.connection)
    form = {
        "verification": "github",
        "id_header": "X-Id",
        "id_path": "data.id",
        "allowed_actors": "[]",
        "max_body_bytes": 10,
        "rate_per_minute": 10,
    }
    response = client.post(f"/admin/triggers/webhookendpoint/{endpoint.pk}/change/", form)
    assert "not both" in response.content.decode()
    assert act(client, "webhookendpoint", "disable", endpoint) == "1 disabled."


def test_tombstones_stay_for_a_month_at_least(client: Client, world: World) -> None:
    row = change_retention(connection=world.connection, by=Actor.system(), now=NOON, events_days=9)
    url = f"/admin/triggers/retention/{row.pk}/change/"
    assert "from 30 to 36500" in client.post(url, {"tombstones_days": "29", "events_days": "9"}).content.decode()
    assert client.post(url, {"tombstones_days": "30", "events_days": "9"}).status_code == 302
    row.refresh_from_db()
    assert row.tombstones_days == 30


def test_only_connections_that_one_may_use_can_be_chosen_for_a_card() -> None:
    own = make_user(role=Role.CEO, is_staff=True)
    mine, others = make_connection(owner=own), make_connection()
    client = signed_in(own)
    form = {"kind": "issue", "external_key": "octo/hello#7"}
    refused = client.post("/admin/workspaces/contextitem/add/", {**form, "connection": others.pk})
    assert refused.context["adminform"].form.errors["connection"]
    assert client.post("/admin/workspaces/contextitem/add/", {**form, "connection": mine.pk}).status_code == 302
    assert mine.items.get().is_watched


def test_a_card_is_taken_away(client: Client) -> None:
    item = make_item(is_watched=True)
    chosen = {"action": "take_the_card_away", "_selected_action": [item.pk]}
    assert told(client.post("/admin/workspaces/contextitem/", chosen)) == "1 taken away."


def test_an_execution_is_cancelled_once(client: Client, world: World) -> None:
    assert act(client, "execution", "cancel", world.execution) == "1 cancelled."
    world.execution.refresh_from_db()
    assert world.execution.status == ExecutionStatus.CANCELLED
    assert "1 not: This execution is over" in act(client, "execution", "cancel", world.execution)


def test_a_deliverable_is_waived_with_a_reason_only(client: Client, world: World) -> None:
    address = f"/admin/deliverables/deliverable/{world.deliverable.pk}/change/"
    client.post(address, {"waive_reason": "Not needed."})
    world.deliverable.refresh_from_db()
    assert (world.deliverable.status, world.deliverable.waive_reason) == ("waived", "Not needed.")


def test_history_cannot_be_written(client: Client, world: World) -> None:
    for address in (
        f"/admin/triggers/event/{world.event.pk}/change/",
        f"/admin/triggers/execution/{world.execution.pk}/change/",
        f"/admin/triggers/delivery/{world.delivery.pk}/change/",
    ):
        assert client.post(address, {"status": "succeeded"}).status_code == 403
