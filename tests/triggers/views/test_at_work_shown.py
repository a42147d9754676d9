"""How an event and the agents at work met is shown: on both executions and both agents, and over the API."""

import pytest
from django.test import Client

from accounts.enums import Role
from agents.enums import Strategy
from tests.factories.accounts import make_user
from tests.factories.at_work import at_work, fresh
from tests.factories.executions import agent_of
from tests.triggers.api.test_triggers import Caller
from tests.triggers.views.happening import client_of
from triggers.models import Trigger
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"


@pytest.fixture
def client() -> Client:
    return client_of(make_user(is_superuser=True))


def _page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def test_a_replacement_is_told_to_those_who_watch_either_execution(client: Client) -> None:
    world = at_work(Strategy.STOP_AND_NOTIFY)
    before = world.agent
    second = world.given()
    successor = agent_of(second)
    first_page = _page(client, f"/executions/{world.first.pk}/")
    assert f"News came: execution {second.pk} goes on in its workspace." in first_page
    assert f"/executions/{second.pk}/" in first_page
    page = _page(client, f"/executions/{second.pk}/")
    assert f"Agent {before.pk} is stopped, and a successor goes on in its workspace." in page
    assert f'<a href="/agents/{before.pk}/">Agent {before.pk}, Reader</a>: matches' in page
    assert "Compared in model, program and instructions, permissions, comment" in page
    assert f'/agents/{successor.pk}/">Agent {successor.pk}, Reader</a>' in _page(client, f"/agents/{before.pk}/")
    assert f'/agents/{before.pk}/">Agent {before.pk}, Reader</a>' in _page(client, f"/agents/{successor.pk}/")


def test_news_is_shown_with_the_agent_that_is_told(client: Client) -> None:
    world = at_work(Strategy.QUEUE_FOR_EXISTING)
    second = world.given()
    page = _page(client, f"/executions/{second.pk}/")
    assert f"/agents/{world.agent.pk}/" in page
    assert f"Agent {world.agent.pk} is told at its next turn." in page
    agent_page = _page(client, f"/agents/{world.agent.pk}/")
    assert f'href="/executions/{second.pk}/">EX-{second.pk}</a>: it is told at its next turn' in agent_page


def test_why_no_agent_matched_is_shown(client: Client) -> None:
    world = at_work(Strategy.QUEUE_FOR_EXISTING)
    type(world.agent).objects.update(criteria={**world.agent.criteria, "model": "another"})
    page = _page(client, f"/executions/{world.given().pk}/")
    assert "No agent at work matches: a fresh one begins." in page
    assert "Reader</a>: other model" in page


def test_the_api_says_the_same() -> None:
    world = at_work(Strategy.QUEUE_FOR_EXISTING)
    second = world.given()
    caller = Caller(make_user(is_superuser=True))
    found = caller.get(f"{V1}executions/{second.pk}/").json()
    assert found["given_to"] == world.agent.pk
    assert found["matching"]["looked_at"] == [
        {"agent": world.agent.pk, "workspace": world.first.workspace_id, "why_not": ""}
    ]
    assert [step["name"] for step in found["steps"]] == ["context", "deliver_update", "work", "verify"]
    assert found["workspace"] is None
    assert caller.get(f"{V1}executions/{world.first.pk}/").json()["given_to"] is None


def test_the_api_says_who_follows_whom() -> None:
    world = at_work(Strategy.STOP_AND_NOTIFY)
    before = world.agent
    successor = agent_of(world.given())
    caller = Caller(make_user(is_superuser=True))
    assert caller.get(f"{V1}agents/{before.pk}/").json()["replaced_by"] == successor.pk
    assert caller.get(f"{V1}agents/{successor.pk}/").json()["replaces"] == before.pk
    assert fresh(world.first).replaced_by_id is not None


def test_an_agent_of_somebody_else_is_not_shown_with_ones_own_execution() -> None:
    """The trigger changed hands after its news was given: its new owner sees neither the agent nor what it says."""
    world = at_work(Strategy.QUEUE_FOR_EXISTING)
    second = world.given()
    stranger = make_user(role=Role.CEO)
    Trigger.objects.update(owner=stranger)
    assert not Workspace.objects.filter(owner=stranger).exists()
    client = client_of(stranger)
    page = _page(client, f"/executions/{second.pk}/")
    assert f'href="/agents/{world.agent.pk}/"' not in page
    assert client.get(f"/agents/{world.agent.pk}/").status_code == 404
