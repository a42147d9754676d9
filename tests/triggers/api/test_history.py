"""Deliveries, events, decisions and executions over the API: what arrived, what was answered, what became of it."""

import base64
import dataclasses
from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from accounts.enums import Role
from accounts.operations import TABLE, Operation, Reach
from tests.factories.accounts import make_user
from tests.factories.executions import make_event, make_launched
from tests.factories.triggers import make_delivery, make_listener, make_trigger
from tests.factories.workspaces import make_connection, make_item
from tests.factories.world import NOON, World, make_world
from tests.triggers.api.test_triggers import Caller
from triggers.enums import ExecutionStatus, FiringRole
from triggers.models import Delivery, Event, Execution, Firing
from triggers.services.intake import Incoming, accept
from workspaces.enums import WorkspaceStatus

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"


@pytest.fixture
def world() -> World:
    return make_world(make_user(role=Role.CEO))


@pytest.fixture
def caller(world: World) -> Caller:
    return Caller(world.owner)


@pytest.fixture
def no_raw(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table in which nobody but a superuser looks at raw payloads."""
    rule = TABLE[Operation.VIEW_RAW]
    never = dataclasses.replace(rule, ceo=Reach.NEVER, support=Reach.NEVER, developer=Reach.NEVER)
    monkeypatch.setitem(TABLE, Operation.VIEW_RAW, never)


def test_a_delivery_shows_its_raw_body_and_its_events(caller: Caller, world: World) -> None:
    found = caller.get(f"{V1}deliveries/{world.delivery.pk}/").json()
    assert base64.b64decode(found["body"]["base64"]) == b'{"action": "closed"}'
    assert found["body"]["text"] == '{"action": "closed"}'
    assert found["headers"] == {"X-GitHub-Event": "pull_request"}
    assert (found["status"], found["event_count"], found["events"]) == ("decided", 1, [world.event.pk])
    assert "body" not in caller.get(f"{V1}deliveries/").json()["results"][0]


def test_a_body_that_is_no_text_comes_in_base64_only(caller: Caller, world: World) -> None:
    incoming = Incoming(
        connection_id=world.connection.pk,
        source="webhook",
        body=b"\xff\x00",
        received_at=NOON,
        rejection="not_safe_json",
    )
    pk = accept([incoming])[0].delivery_id
    found = caller.get(f"{V1}deliveries/{pk}/").json()
    assert (found["status"], found["reason"]) == ("rejected", "not_safe_json")
    assert (found["body"]["text"], found["body"]["base64"]) == (None, "/wA=")


def test_deliveries_are_found_by_status(caller: Caller, world: World) -> None:
    waiting = make_delivery(world.connection)
    for status, expected in (("decided", [world.delivery.pk]), ("received", [waiting.pk]), ("rejected", [])):
        rows = caller.get(f"{V1}deliveries/?status={status}").json()["results"]
        assert [row["id"] for row in rows] == expected, status


@pytest.mark.usefixtures("no_raw")
def test_raw_parts_are_for_those_who_may_look_at_them(caller: Caller, world: World) -> None:
    delivery = caller.get(f"{V1}deliveries/{world.delivery.pk}/").json()
    assert (delivery["body"], delivery["headers"]) == (None, None)
    event = caller.get(f"{V1}events/{world.event.pk}/").json()
    assert (event["data"], event["facts"]) == (None, None)
    assert caller.get(f"{V1}agents/{world.agent.pk}/messages/").status_code == 403
    record = f"{V1}obsolete-agents/{world.obsolete.pk}/"
    assert caller.get(record).json()["checkpoint"] is None
    for raw in ("messages/", "changes/", f"compare/?with_agent={world.agent.pk}"):
        assert caller.get(f"{record}{raw}").status_code == 403
    assert caller.get(f"{V1}workspaces/{world.workspace.pk}/files/feedback/digest.md").status_code == 403
    boss = Caller(make_user(is_superuser=True))
    assert boss.get(f"{V1}events/{world.event.pk}/").json()["data"] == {"pull_request": {"number": 1}}


def test_an_event_is_explained_for_every_trigger_within_reach_or_for_one(caller: Caller, world: World) -> None:
    everything = caller.get(f"{V1}events/{world.event.pk}/explain/").json()["results"]
    assert [(one["trigger"], one["outcome"]) for one in everything] == [(world.trigger.pk, "fired")]
    bystander = make_trigger(owner=world.owner)
    (one,) = caller.get(f"{V1}events/{world.event.pk}/explain/?trigger={bystander.pk}").json()["results"]
    assert (one["outcome"], bool(one["detail"])) == ("", True)
    for wrong in ("x", "0", str(make_trigger().pk)):
        assert caller.get(f"{V1}events/{world.event.pk}/explain/?trigger={wrong}").status_code == 400


def test_a_trigger_of_others_is_left_out_of_the_explanation(caller: Caller, world: World) -> None:
    guest = make_user(role=Role.CEO)
    assign_perm("accounts.view_connection", guest, world.connection)
    assert Caller(guest).get(f"{V1}events/{world.event.pk}/explain/").json()["results"] == []


def test_an_event_is_replayed_for_a_trigger_that_one_may_fire(caller: Caller, world: World) -> None:
    path = f"{V1}events/{world.event.pk}/replay/"
    response = caller.post(path, trigger=world.trigger.pk)
    assert response.status_code == 202
    assert Delivery.objects.get(pk=response.json()["delivery"]).origin == "replay"
    assert caller.post(path, bypass_cooldown=True).status_code == 403
    looked_at = make_trigger()
    assign_perm("triggers.view_trigger", world.owner, looked_at)
    assert caller.post(path, trigger=looked_at.pk).status_code == 403
    assert caller.post(path, trigger=make_trigger().pk).status_code == 400


def test_executions_are_found_by_event_trigger_and_status(caller: Caller, world: World) -> None:
    other = make_world(world.owner)

    def found(query: str) -> list[int]:
        return [row["id"] for row in caller.get(f"{V1}executions/?{query}").json()["results"]]

    assert found(f"event={world.event.pk}") == [world.execution.pk]
    assert found(f"trigger={other.trigger.pk}") == [other.execution.pk]
    assert found("status=queued") == [other.execution.pk, world.execution.pk]
    assert found("status=failed&status=cancelled") == []
    assert found("is_dead_lettered=true") == []


def test_an_execution_shows_all_that_belongs_to_it(caller: Caller, world: World) -> None:
    found = caller.get(f"{V1}executions/{world.execution.pk}/").json()
    assert (found["trigger"], found["event"], found["workspace"]) == (
        world.trigger.pk,
        world.event.pk,
        world.workspace.pk,
    )
    assert (found["status"], found["position"], bool(found["waits_for"])) == ("queued", 1, True)
    assert [step["name"] for step in found["steps"]] == ["clone", "context", "deploy", "work", "verify"]
    assert found["trail"][0]["name"] == "Noticed"
    assert world.agent.pk in {agent["id"] for agent in found["agents"]}
    assert [row["name"] for row in found["deliverables"]] == ["digest"]


def test_an_execution_names_what_it_took_in_and_what_it_replaces(caller: Caller, world: World) -> None:
    other = make_world(world.owner)
    Execution.objects.filter(pk=world.execution.pk).update(replaced_by=other.execution, event_count=2)
    joined = Firing.objects.create(
        trigger=world.trigger, event=other.event, execution=world.execution, role=FiringRole.MERGED
    )
    old = caller.get(f"{V1}executions/{world.execution.pk}/").json()
    assert (old["replaced_by"], old["replaces"], old["event_count"]) == (other.execution.pk, [], 2)
    assert old["took_in"] == [{"event": joined.event_id, "role": "merged"}]
    new = caller.get(f"{V1}executions/{other.execution.pk}/").json()
    assert (new["replaced_by"], new["replaces"], new["took_in"]) == (None, [world.execution.pk], [])


def test_a_queued_execution_is_cancelled_once_and_retried_as_a_replay(caller: Caller, world: World) -> None:
    path = f"{V1}executions/{world.execution.pk}/"
    early = caller.post(f"{path}retry/")
    assert (early.status_code, early.json()["code"]) == (409, "not_over")
    cancelled = caller.post(f"{path}cancel/", reason="Not needed.")
    assert (cancelled.json()["status"], cancelled.json()["reason"]) == ("cancelled", "Not needed.")
    again = caller.post(f"{path}cancel/")
    assert (again.status_code, again.json()["code"]) == (409, "already_over")
    retried = caller.post(f"{path}retry/")
    assert (retried.status_code, Delivery.objects.get(pk=retried.json()["delivery"]).origin) == (202, "replay")


def test_a_deadline_is_extended_into_the_future_only(caller: Caller, world: World) -> None:
    path = f"{V1}executions/{world.execution.pk}/extend-deadline/"
    assert caller.post(path, until="2999-01-01T00:00:00Z").json()["deadline_at"] == "2999-01-01T00:00:00Z"
    assert caller.post(path, until="1999-01-01T00:00:00Z").status_code == 400


@pytest.mark.parametrize("verb", ["activate", "reject"])
def test_a_draft_is_reviewed_through_its_workspace(verb: str) -> None:
    execution = make_launched(workspace={"deploy": "draft"})
    assert execution.status == ExecutionStatus.NEEDS_ATTENTION
    developer = Caller(make_user())
    response = developer.post(f"{V1}workspaces/{execution.workspace_id}/{verb}/")
    assert response.json()["status"] == ("active" if verb == "activate" else "archived")
    execution.refresh_from_db()
    assert execution.status == ("running" if verb == "activate" else "cancelled")
    again = developer.post(f"{V1}executions/{execution.pk}/{'approve' if verb == 'activate' else 'reject'}/")
    assert (again.status_code, again.json()["code"]) == (409, "not_waiting" if verb == "activate" else "already_over")


def test_a_workspace_that_no_execution_made_has_nothing_to_review(world: World) -> None:
    Execution.objects.update(workspace=None)
    response = Caller(make_user()).post(f"{V1}workspaces/{world.workspace.pk}/activate/")
    assert (response.status_code, response.json()["code"]) == (409, "not_waiting")
    assert world.workspace.status == WorkspaceStatus.ACTIVE


def test_a_deliverable_is_waived_with_a_reason(caller: Caller, world: World) -> None:
    path = f"{V1}deliverables/{world.deliverable.pk}/"
    assert caller.post(f"{path}waive/").json()["errors"][0]["path"] == "reason"
    waived = caller.post(f"{path}waive/", reason="Not needed.").json()
    assert (waived["status"], waived["waived_by"], waived["waive_reason"]) == (
        "waived",
        world.owner.username,
        "Not needed.",
    )
    assert caller.post(f"{path}waive/", reason="Again.").status_code == 409


def test_the_status_tells_slots_and_queue_and_its_reasons_only_to_triage(caller: Caller, world: World) -> None:
    make_world(make_user())
    mine = caller.get(f"{V1}status/").json()
    assert mine["health"]["reasons"] is None
    assert [row["execution"] for row in mine["queue"]] == [world.execution.pk]
    assert {row["pool"] for row in mine["slots"]} == {"agents", "workspaces"}
    assert mine["listeners"]["healthy"] == 2
    support = Caller(make_user(role=Role.SUPPORT)).get(f"{V1}status/").json()
    assert len(support["queue"]) == 2
    silent = {"engine_silent", "agents_silent"}  # one process tree, or roles of their own
    assert {reason["code"] for reason in support["health"]["reasons"]} & silent
    assert set(mine["rates"]) == {"deliveries", "events", "fired", "succeeded", "failed"}


def test_a_card_is_made_watched_and_taken_away(caller: Caller, world: World) -> None:
    body: dict[str, Any] = {"connection_id": world.connection.pk, "kind": "repository", "external_key": "octo/hello"}
    made = caller.post(f"{V1}context-items/", **body)
    assert (made.status_code, made.json()["is_watched"]) == (201, True)
    path = f"{V1}context-items/{made.json()['id']}/"
    assert caller.post(f"{path}unwatch/").json()["is_watched"] is False
    assert caller.post(f"{path}watch/").json()["is_watched"] is True
    listeners = caller.get(f"{V1}listeners/?item={made.json()['id']}").json()["results"]
    assert len(listeners) == 1
    assert caller.post(f"{V1}listeners/{listeners[0]['id']}/poll/").json()["code"] == "not_polled"
    others = caller.post(f"{V1}context-items/", **{**body, "connection_id": make_connection().pk})
    assert (others.status_code, others.json()["errors"][0]["path"]) == (400, "connection_id")


def test_a_listener_tells_when_its_connection_was_heard_last(caller: Caller, world: World) -> None:
    silent = make_listener(connection=make_connection(owner=world.connection.owner))
    heard = make_listener(connection=world.connection, item=make_item(connection=world.connection))
    make_event(heard.item)
    told = {row.pk: caller.get(f"{V1}listeners/{row.pk}/").json()["last_event_at"] for row in (silent, heard)}
    assert told == {silent.pk: None, heard.pk: "2026-11-20T12:00:00Z"}


def test_a_connection_that_one_may_only_look_at_takes_no_card(world: World) -> None:
    guest = make_user(role=Role.CEO)
    assign_perm("accounts.view_connection", guest, world.connection)
    body = {"connection_id": world.connection.pk, "kind": "repository", "external_key": "octo/hello"}
    assert Caller(guest).post(f"{V1}context-items/", **body).status_code == 403


def test_the_history_of_an_item_is_told(caller: Caller, world: World) -> None:
    (state,) = caller.get(f"{V1}context-items/{world.item.pk}/history/").json()["results"]
    assert (state["version"], state["changes"]) == (1, {"status": ["open", "closed"]})
    assert Event.objects.count() == 1


def test_sources_say_who_is_polled(caller: Caller) -> None:
    found = {row["id"]: row["is_polled"] for row in caller.get(f"{V1}sources/").json()["results"]}
    assert {"github": False, "webhook": False}.items() <= found.items()
