"""Records of replaced agents over the API: read by range, compared, pinned, gone on from, and their rules."""

from typing import Any

import pytest
from django.test import Client

from accounts.enums import Role
from agents.enums import AgentStatus
from agents.models import Agent, AgentMessage, ObsoleteAgentRecord, RecordRule
from agents.services.record_rules import purge_records
from tests.agents.records.rows import put_away, say
from tests.factories.accounts import make_user
from tests.factories.agents import NOON, make_agent
from tests.factories.world import World, make_world

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def world() -> World:
    world = make_world(make_user(role=Role.CEO))
    Agent.objects.update(status=AgentStatus.STOPPED)
    return world


@pytest.fixture
def client(world: World) -> Client:
    return signed_in(world.owner)


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def path(record: ObsoleteAgentRecord, verb: str = "") -> str:
    return f"/api/v1/obsolete-agents/{record.pk}/{verb}{'/' if verb else ''}"


def test_a_kept_conversation_is_read_by_range_and_in_no_list(client: Client, world: World) -> None:
    record = put_away("one", "two", "three", workspace=world.workspace)
    first = client.get(path(record, "messages") + "?limit=2").json()
    assert ([line["text"] for line in first["results"]], first["next_after"]) == (["one", "two"], 2)
    rest = client.get(path(record, "messages") + "?after=2").json()
    assert ([line["text"] for line in rest["results"]], rest["next_after"]) == (["three"], None)
    for wrong in ("after=-1", "limit=0", "limit=501", "limit=x"):
        assert client.get(f"{path(record, 'messages')}?{wrong}").status_code == 400
    detail = client.get(path(record)).json()
    assert (detail["checkpoint"], detail["message_count"], detail["not_restorable"]) == ({}, 3, "")
    listed = client.get("/api/v1/obsolete-agents/").json()["results"][0]
    assert {"checkpoint", "conversation", "changes"} & listed.keys() == set()


def test_what_changed_in_its_files_is_read_by_range(client: Client, world: World) -> None:
    record = put_away("one", workspace=world.workspace)
    every = client.get(path(record, "changes")).json()["results"]
    assert [row["path"] for row in every] == ["feedback/digest.md", "work/plan.md"]
    assert every[0]["diff"].endswith("+# Digest")
    some = client.get(path(record, "changes") + "?limit=1").json()
    assert (len(some["results"]), some["next_after"]) == (1, 1)
    rest = client.get(path(record, "changes") + "?after=1").json()
    assert (rest["results"][0]["path"], rest["next_after"]) == ("work/plan.md", None)


def test_two_records_are_compared_and_a_record_with_an_agent(client: Client, world: World) -> None:
    record = put_away("one", "two", "three", workspace=world.workspace)
    other = put_away("one", "two", "four", "five", workspace=world.workspace)
    ObsoleteAgentRecord.objects.filter(pk=other.pk).update(checkpoint={"session": "s"})
    found = client.get(path(record, "compare") + f"?with_record={other.pk}").json()
    assert (found["same_messages"], found["left"]["messages"], found["right"]["messages"]) == (2, 3, 4)
    assert (found["checkpoint_differs"], "id" in found["profile_differs"]) == (True, True)
    assert [(row["path"], row["is_same"]) for row in found["files"]] == [
        ("feedback/digest.md", True),
        ("work/plan.md", True),
    ]
    live = make_agent(workspace=world.workspace, profile=record.agent.profile)
    say(live, "one", "two", "three", "and more")
    found = client.get(path(record, "compare") + f"?with_agent={live.pk}").json()
    assert (found["same_messages"], found["right"]["record_id"], found["profile_differs"]) == (3, None, [])
    for wrong in ("", f"?with_record={other.pk}&with_agent={live.pk}", "?with_record=999999", "?with_agent=0"):
        assert client.get(path(record, "compare") + wrong).status_code == 400


def test_nobody_compares_with_what_they_may_not_see(client: Client, world: World) -> None:
    record = put_away("one", workspace=world.workspace)
    strange = put_away("secret")
    for other in (f"with_record={strange.pk}", f"with_agent={strange.agent_id}"):
        response = client.get(f"{path(record, 'compare')}?{other}")
        assert response.status_code == 400
        assert "may not see it" in response.content.decode()


def test_one_is_restored_and_then_another_is_refused(client: Client, world: World) -> None:
    record = put_away("one", workspace=world.workspace)
    made = client.post(path(record, "restore"), content_type=JSON)
    assert (made.status_code, made.json()["status"], made.json()["restored_from_id"]) == (202, "pending", record.pk)
    again = client.post(path(record, "restore"), content_type=JSON)
    assert (again.status_code, again.json()["code"]) == (409, "cannot_restore")
    assert client.get(path(record)).json()["not_restorable"] == again.json()["detail"]


def test_one_is_pinned_and_found_by_that(client: Client, world: World) -> None:
    record = put_away("one", workspace=world.workspace)
    assert client.post(path(record, "pin"), content_type=JSON).json()["pinned_by"] == world.owner.username
    listed = client.get("/api/v1/obsolete-agents/?is_pinned=true").json()["results"]
    assert [row["id"] for row in listed] == [record.pk]
    assert client.post(path(record, "unpin"), content_type=JSON).json()["pinned_at"] is None


def test_what_is_no_longer_kept_is_said_so(client: Client, world: World) -> None:
    record = put_away("one", workspace=world.workspace, at=NOON.replace(year=2020))
    purge_records(now=NOON)
    for verb in ("messages", "changes"):
        response = client.get(path(record, verb))
        assert (response.status_code, response.json()["code"]) == (410, "inputs_purged")
    assert client.get(path(record)).json()["purged_at"] is not None
    compared = client.get(path(world.obsolete, "compare") + f"?with_record={record.pk}")
    assert compared.status_code == 410
    assert client.post(path(record, "pin"), content_type=JSON).status_code == 410
    assert not AgentMessage.objects.filter(agent_id=record.agent_id).exists()


def test_rules_are_set_shown_and_looked_at_first(world: World) -> None:
    client = signed_in(make_user())
    url = "/api/v1/record-rules/"
    ObsoleteAgentRecord.objects.update(stored_bytes=10)
    body = {"workspace_id": world.workspace.pk, "max_count": 0}
    shown = client.post(f"{url}preview/", data=body, content_type=JSON).json()
    assert shown == {"records": 1, "bytes": 10, "pinned": 0, "going_records": 1, "going_bytes": 10}
    assert not RecordRule.objects.exists()
    made = client.post(url, data={**body, "max_days": 5}, content_type=JSON).json()
    assert (made["workspace_id"], made["max_count"], made["days"], made["holding"]) == (
        world.workspace.pk,
        0,
        5,
        shown,
    )
    changed = client.post(url, data={**body, "max_count": None}, content_type=JSON).json()
    assert (changed["id"], changed["max_count"], changed["max_days"]) == (made["id"], None, 5)
    everywhere = client.post(url, data={"max_bytes": 1000}, content_type=JSON).json()
    assert (everywhere["workspace_id"], everywhere["template_id"], everywhere["days"]) == (None, None, 365)
    assert len(client.get(url).json()["results"]) == 2
    for wrong in ({"max_days": 0}, {"max_weeks": 1}, {"workspace_id": 10**9}, {**body, "template_id": 1}):
        assert client.post(url, data=wrong, content_type=JSON).status_code == 400
    both = {"workspace_id": world.workspace.pk, "template_id": world.template.pk}
    assert client.post(url, data=both, content_type=JSON).status_code == 400


def test_a_salesman_sees_the_rules_over_what_is_theirs_and_changes_none(client: Client, world: World) -> None:
    developer = signed_in(make_user())
    strange = put_away("x").workspace
    for scope in ({}, {"workspace_id": world.workspace.pk}, {"workspace_id": strange.pk}):
        developer.post("/api/v1/record-rules/", data={"max_days": 9, **scope}, content_type=JSON)
    seen = {row["workspace_id"] for row in client.get("/api/v1/record-rules/").json()["results"]}
    assert seen == {None, world.workspace.pk}
    assert client.post("/api/v1/record-rules/", data={"max_days": 9}, content_type=JSON).status_code == 403
