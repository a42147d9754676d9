"""The backlog after an outage on the status page, in the API and on an execution that it holds back."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.enums import Role
from agents.models import StartRequest
from tests.factories.accounts import make_user
from tests.factories.agents import set_limits
from tests.factories.triggers import NOON, make_delivery, make_trigger
from triggers.models import Execution, Trigger
from triggers.selectors.health import Health
from triggers.services.decide.pending import decide_pending
from triggers.views import status

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("outage")]


@pytest.fixture
def trigger() -> Trigger:
    return make_trigger(owner=make_user(username="ann", role=Role.DEVELOPER))


@pytest.fixture
def outage(trigger: Trigger) -> None:
    """Two deliveries that waited for a night, and one that came since."""
    set_limits(max_agents=4)
    connection = trigger.listeners.get().connection
    for _ in range(2):
        make_delivery(connection, now=NOON)
    decide_pending(now=NOON + timedelta(hours=8))
    make_delivery(connection, now=NOON + timedelta(hours=8))


def client_of(trigger: Trigger) -> Client:
    client = Client()
    client.force_login(trigger.owner)
    return client


def test_the_status_tells_its_size_its_oldest_its_share_and_its_pace(trigger: Trigger) -> None:
    told = client_of(trigger).get("/api/v1/status/").json()
    assert told["undecided"] == 1
    assert told["backlog"] == {
        "waiting": 2,
        "oldest_at": "2026-11-20T12:00:00Z",
        "since": "2026-11-20T20:00:00Z",
        "busy": 0,
        "most": 2,
        "per_minute": None,
        "through_s": None,
    }


def test_who_may_not_see_the_execution_is_told_the_numbers_alone() -> None:
    stranger = Client()
    stranger.force_login(make_user(role=Role.CEO))
    told = stranger.get("/api/v1/status/").json()["backlog"]
    assert (told["waiting"], told["oldest_at"]) == (2, None)
    assert "The oldest" not in stranger.get("/status/?part=queue").content.decode()


def test_in_quiet_times_there_is_none(trigger: Trigger) -> None:
    StartRequest.objects.update(backlog_turn=0)
    client = client_of(trigger)
    assert client.get("/api/v1/status/").json()["backlog"] is None
    assert "old event" not in client.get("/status/?part=queue").content.decode()


def test_the_status_page_says_it_in_words(trigger: Trigger) -> None:
    page = " ".join(client_of(trigger).get("/status/?part=queue").content.decode().split())
    assert "1 delivery waits for an answer." in page
    assert "2 executions of old events wait." in page
    assert "None has begun yet. Fresh events go first" in page
    assert "the backlog holds 0 of the 2 agent slots that it may." in page
    assert "The oldest" in page


def test_where_nothing_may_start_no_page_promises_that_it_does(
    trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "health", lambda now: Health("healthy", ()))
    client = client_of(trigger)
    promise = "starts here at once"
    assert promise in client.get("/status/?part=running").content.decode()
    assert "Work flows" in client.get("/status/?part=health").content.decode()
    for none in ({"max_agents": 0}, {"max_agents": 4, "max_workspaces": 0}, {"max_workspaces": 20, "is_paused": True}):
        set_limits(**none)
        assert promise not in client.get("/status/?part=running").content.decode()
        assert "Nothing new starts" in client.get("/status/?part=health").content.decode()
    set_limits(is_paused=False, max_agents=0)
    page = " ".join(client.get("/status/?part=queue").content.decode().split())
    assert "None begins: the limit of agents is 0." in page


def test_each_execution_and_its_decision_say_why_it_waits(trigger: Trigger) -> None:
    set_limits(max_agents=0)
    execution = Execution.objects.order_by("pk")[0]
    told = client_of(trigger).get(f"/api/v1/executions/{execution.pk}/").json()
    assert told["waits_for"].endswith("; its event was old, so fresh ones of its priority go first")
    event = client_of(trigger).get(f"/events/{execution.event_id}/").content.decode()
    assert "its run goes with the backlog" in event
