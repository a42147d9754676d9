"""Agents, profiles, commands and limits over the API."""

from typing import Any

import pytest
from django.test import Client

from accounts.enums import Role
from agents.enums import AgentStatus, IntentKind
from agents.models import Agent, AgentIntent, Limits
from tests.factories.accounts import make_user
from tests.factories.agents import make_command, make_profile, set_limits
from tests.factories.world import World, make_world

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def world() -> World:
    return make_world(make_user(role=Role.CEO))


@pytest.fixture
def client(world: World) -> Client:
    client = Client()
    client.force_login(world.owner)
    return client


def developer() -> Client:
    client = Client()
    client.force_login(make_user())
    return client


def test_messages_come_in_order_and_from_where_one_left_off(client: Client, world: World) -> None:
    path = f"/api/v1/agents/{world.agent.pk}/messages/"
    found = client.get(path).json()["results"]
    assert [(row["seq"], row["text"]) for row in found] == [(1, "line 1"), (2, "line 2")]
    assert [row["seq"] for row in client.get(f"{path}?after=1").json()["results"]] == [2]
    first = client.get(f"{path}?page_size=1").json()
    assert [row["seq"] for row in client.get(first["next"]).json()["results"]] == [2]


def test_an_agent_is_told_something_and_stopped(client: Client, world: World) -> None:
    path = f"/api/v1/agents/{world.agent.pk}/"
    assert client.post(f"{path}message/", data={"text": "Look again."}, content_type=JSON).status_code == 202
    assert client.post(f"{path}stop/", data={"reason": "Enough."}, content_type=JSON).status_code == 202
    kinds = set(AgentIntent.objects.values_list("kind", "by"))
    assert kinds == {(IntentKind.UPDATE, world.owner.username), (IntentKind.STOP, world.owner.username)}


def test_one_that_has_ended_hears_nothing(client: Client, world: World) -> None:
    Agent.objects.filter(pk=world.agent.pk).update(status=AgentStatus.STOPPED)
    for verb, body in (("message", {"text": "Hello?"}), ("stop", {})):
        response = client.post(f"/api/v1/agents/{world.agent.pk}/{verb}/", data=body, content_type=JSON)
        assert (response.status_code, response.json()["code"]) == (409, "agent_over")


def test_a_profile_is_made_changed_and_put_away(client: Client) -> None:
    path = "/api/v1/agent-profiles/"
    made = client.post(path, data={"name": "Reader", "max_rounds": 2}, content_type=JSON)
    assert (made.status_code, made.json()["runtime"], made.json()["max_rounds"]) == (201, "digest", 2)
    one = f"{path}{made.json()['id']}/"
    wrong = client.patch(one, data={"max_rounds": 21}, content_type=JSON)
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "max_rounds")
    command = make_command("true")
    without = client.patch(one, data={"runtime": "command"}, content_type=JSON)
    assert without.status_code == 400
    changed = client.patch(one, data={"runtime": "command", "command_id": command.pk}, content_type=JSON).json()
    assert (changed["command_name"], changed["version"]) == (command.name, 2)
    assert client.delete(one).status_code == 204
    assert client.get(one).json()["is_archived"] is True


def test_a_command_that_is_switched_off_is_not_there_to_choose(client: Client) -> None:
    profile = make_profile()
    command = make_command("true", is_enabled=False)
    body = {"name": "R", "runtime": "command", "command_id": command.pk}
    response = client.post("/api/v1/agent-profiles/", data=body, content_type=JSON)
    assert (response.status_code, response.json()["errors"][0]["path"]) == (400, "command_id")
    assert profile.pk


def test_a_developer_registers_a_command_once_by_a_name() -> None:
    client = developer()
    body: dict[str, Any] = {"name": "runner", "argv": ["python3", "-S", " x "], "environment": {"MODE": ""}}
    made = client.post("/api/v1/runtime-commands/", data=body, content_type=JSON)
    assert (made.status_code, made.json()["argv"], made.json()["environment"]) == (201, body["argv"], {"MODE": ""})
    again = client.post("/api/v1/runtime-commands/", data=body, content_type=JSON)
    assert (again.status_code, again.json()["errors"][0]["path"]) == (400, "name")
    path = f"/api/v1/runtime-commands/{made.json()['id']}/"
    assert client.patch(path, data={"argv": []}, content_type=JSON).status_code == 400
    assert client.patch(path, data={"is_enabled": False}, content_type=JSON).json()["is_enabled"] is False
    wrong = client.patch(path, data={"transcript": "telepathy"}, content_type=JSON)
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "transcript")


def test_a_secret_of_a_program_is_written_and_never_read_back() -> None:
    client = developer()
    body: dict[str, Any] = {"name": "coder", "argv": ["true"], "secrets": {"API_KEY": "canary-7f3a"}}
    made = client.post("/api/v1/runtime-commands/", data=body, content_type=JSON)
    assert (made.status_code, made.json()["secret_names"]) == (201, ["API_KEY"])
    path = f"/api/v1/runtime-commands/{made.json()['id']}/"
    changed = client.patch(path, data={"secrets": {"API_KEY": None, "B": "canary-2"}}, content_type=JSON)
    assert changed.json()["secret_names"] == ["B"]
    wrong = client.patch(path, data={"secrets": {"PATH": "canary-3"}}, content_type=JSON)
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "secrets")
    answers = [
        made,
        changed,
        wrong,
        client.get(path),
        client.get("/api/v1/runtime-commands/"),
        client.get("/api/v1/audit/"),
    ]
    assert "canary" not in "".join(answer.content.decode() for answer in answers)


def test_a_program_that_is_ready_can_be_registered_as_it_is() -> None:
    client = developer()
    ready = client.get("/api/v1/runtime-commands/ready/").json()
    assert [one["name"] for one in ready] == ["Claude Code", "Codex", "OpenHands", "aider", "A script of yours"]
    for one in ready:
        made = client.post("/api/v1/runtime-commands/", data=one, content_type=JSON)
        assert made.status_code == 201, made.json()
        assert {name: made.json()[name] for name in one} == one


def test_limits_are_changed_within_bounds_and_every_start_paused() -> None:
    set_limits()
    client = developer()
    tag = client.get("/api/v1/limits/")["ETag"]
    assert client.patch("/api/v1/limits/", data={"max_agents": 7}, content_type=JSON).json()["max_agents"] == 7
    late = client.patch("/api/v1/limits/", data={"max_agents": 9}, content_type=JSON, headers={"If-Match": tag})
    assert late.status_code == 412
    wrong = client.patch("/api/v1/limits/", data={"reserved_percent": 101}, content_type=JSON)
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "reserved_percent")
    both = {"max_agents": 8, "is_paused": True}
    assert client.patch("/api/v1/limits/", data=both, content_type=JSON).json()["is_paused"] is True
    assert Limits.objects.get().max_agents == 8
    assert client.get("/api/v1/status/").json()["is_paused"] is True
    assert client.patch("/api/v1/limits/", data={"is_paused": False}, content_type=JSON).json()["is_paused"] is False
