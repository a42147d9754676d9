"""The words of what happened: each way a thing can stand has a sentence of its own, and lists keep to their filters."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.actor import Actor
from agents.enums import AgentStatus, MessageKind, RunStatus, WaitsFor
from agents.models import Agent, AgentMessage, AgentProfile, AgentRun
from agents.services import admission
from deliverables.models import Deliverable
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, make_delivery, make_jira, make_trigger, ticket
from tests.factories.workspaces import make_item
from tests.triggers.views.happening import World, client_of, make_world, say
from triggers.enums import Attention, DeliveryStatus, ExecutionStatus, ListenerStatus, Refusal
from triggers.models import ContextListener, Delivery, DeliveryOutcome, Event, Execution
from triggers.services.decide.pending import decide_pending
from triggers.services.standing import pause
from triggers.views import deliveries
from workspaces import files

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    """One that sees everything."""
    return client_of(make_user(is_superuser=True))


@pytest.fixture
def world() -> World:
    return make_world()


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def at_execution(client: Client, world: World, **fields: Any) -> str:
    Execution.objects.filter(pk=world.execution.pk).update(**fields)
    return text_of(client, f"/executions/{world.execution.pk}/")


@pytest.mark.parametrize(
    ("attention", "words"),
    [
        (Attention.REVIEW, "waits for your review. No agent has started."),
        (Attention.QUESTION, "The agent asks and waits for your answer."),
        (Attention.UNSATISFIED, "the agent could not mend it."),
        (Attention.APPROVAL, "It waits for an approval."),
    ],
)
def test_what_needs_a_person_says_what_for(client: Client, world: World, attention: str, words: str) -> None:
    page = at_execution(client, world, status=ExecutionStatus.NEEDS_ATTENTION, attention=attention)
    assert words in page
    review = f"/workspaces/{world.workspace.pk}/review/"
    pages = [page, text_of(client, "/needs-you/"), text_of(client, f"/workspaces/{world.workspace.pk}/")]
    assert [review in one for one in pages] == [attention == Attention.REVIEW] * 3


def test_an_execution_that_was_given_up_says_after_how_many_attempts(client: Client, world: World) -> None:
    ended = {"status": ExecutionStatus.FAILED, "reason": "The program ended with 1.", "dead_lettered_at": NOON}
    page = at_execution(client, world, attempt=3, **ended)
    assert "The program ended with 1. It was given up after 3 attempts; replay the event to try again." in page


def test_an_execution_that_had_nothing_to_prove_says_so(client: Client, world: World) -> None:
    Deliverable.objects.all().delete()
    assert "Nothing was asked for as proof." in at_execution(client, world, status=ExecutionStatus.SUCCEEDED)


def test_an_attempt_that_failed_says_why(client: Client, world: World) -> None:
    world.execution.attempts.create(number=9, started_at=NOON, outcome="failed", error="The disk was full.")
    assert "Failed: The disk was full." in at_execution(client, world)


@pytest.mark.parametrize(
    ("status", "more", "words"),
    [
        (AgentStatus.WAITING, {"waits_for": WaitsFor.QUESTION}, "It waits for your answer."),
        (AgentStatus.WAITING, {"waits_for": WaitsFor.UNSATISFIED}, "It could not satisfy the gate."),
        (AgentStatus.FAILED, {}, "It failed."),
        (AgentStatus.STOPPED, {}, "It was stopped."),
    ],
)
def test_an_agent_that_does_not_work_says_why(
    client: Client, world: World, status: str, more: dict[str, Any], words: str
) -> None:
    Agent.objects.filter(pk=world.agent.pk).update(status=status, reason="because of the wind", **more)
    page = text_of(client, f"/agents/{world.agent.pk}/")
    assert words in page
    assert "because of the wind" in page


def test_an_agents_page_names_its_model_and_how_each_run_ended(client: Client, world: World) -> None:
    AgentProfile.objects.filter(pk=world.agent.profile_id).update(model="a-model-1")
    ended = {"status": RunStatus.LOST, "end_reason": "The shim was killed."}
    AgentRun.objects.create(agent=world.agent, epoch=7, owner="one", lease_until=NOON, started_at=NOON, **ended)
    page = text_of(client, f"/agents/{world.agent.pk}/")
    assert "a-model-1" in page
    assert "Run 7" in page
    assert ": The shim was killed." in page


def test_an_agent_without_an_execution_links_to_its_workspace(client: Client, world: World) -> None:
    Execution.objects.filter(pk=world.execution.pk).update(workspace=None)
    page = text_of(client, f"/agents/{world.agent.pk}/")
    assert f'href="/workspaces/{world.workspace.pk}/"' in page


def test_the_gates_words_stand_in_the_conversation_once_each(client: Client, world: World) -> None:
    say(world.agent, MessageKind.GATE, "Not done yet: a file is missing", reasons=["a file is missing", "too short"])
    say(world.agent, MessageKind.ERROR_OUTPUT, "Traceback: it broke")
    page = text_of(client, f"/agents/{world.agent.pk}/")
    assert "Not done yet: a file is missing\ntoo short" in page
    assert f"{world.agent.profile.name}, error output" in page


def test_a_long_conversation_says_how_much_of_it_is_not_shown(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers.views.agents.SHOWN_MESSAGES", 3)
    earlier = AgentMessage.objects.filter(agent_id=world.agent.pk).count() - 3
    assert f"{earlier} earlier messages are in the transcript." in text_of(client, f"/agents/{world.agent.pk}/")


@pytest.mark.usefixtures("written_out")
def test_a_suppressed_answer_says_why_and_until_when(client: Client) -> None:
    connection = make_jira()
    cooling = make_trigger(connection=connection, limits={"cooldown_s": 3600})
    paused = make_trigger(connection=connection)
    pause(trigger=paused, by=Actor.system(), now=NOON)
    for _ in range(2):
        make_delivery(connection, ticket())
        decide_pending(now=NOON)
    event = Event.objects.latest("pk")
    page = text_of(client, f"/events/{event.pk}/?trigger={cooling.pk}")
    assert f"{cooling.name} matched and was suppressed." in page
    assert "Cooldown: it fired a short while ago, until 2026-11-20 13:00:00.000 UTC" in page
    assert f"{paused.name} matched and was suppressed." in text_of(client, f"/events/{event.pk}/?trigger={paused.pk}")


@pytest.mark.usefixtures("written_out")
def test_a_trigger_that_was_not_asked_says_so_and_one_that_is_not_there_is_not_found(client: Client) -> None:
    connection = make_jira()
    elsewhere = make_trigger()
    make_delivery(connection, ticket())
    decide_pending(now=NOON)
    event = Event.objects.latest("pk")
    assert f"{elsewhere.name} was not asked." in text_of(client, f"/events/{event.pk}/?trigger={elsewhere.pk}")
    assert client.get(f"/events/{event.pk}/?trigger={elsewhere.pk + 1000}").status_code == 404


def test_an_event_tells_what_it_repeats_and_that_it_came_late(client: Client, world: World) -> None:
    first = world.event.pk
    Event.objects.filter(pk=first).update(is_late=True, delivery_id=None)
    page = text_of(client, f"/events/{first}/")
    assert "The item already showed something newer" in page
    again = Event.objects.get(pk=first)
    again.pk, again.external_id, again.replay_of_id = None, "again", first
    again.save()
    page = text_of(client, f"/events/{again.pk}/")
    assert "Replay of" in page
    assert f'href="/events/{first}/"' in page


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ({"status": DeliveryStatus.ERROR, "detail": "It broke."}, "It could not be decided."),
        ({"status": DeliveryStatus.DECIDED}, "Decided: it became 1 event."),
        ({"status": DeliveryStatus.REFUSED, "reason": Refusal.NOT_SUPPORTED}, "Refused:"),
    ],
)
def test_a_delivery_says_what_became_of_it(client: Client, world: World, outcome: dict[str, Any], words: str) -> None:
    DeliveryOutcome.objects.create(delivery=world.delivery, decided_at=NOON, **outcome)
    Delivery.objects.filter(pk=world.delivery.pk).update(key_conflict=True)
    page = text_of(client, f"/deliveries/{world.delivery.pk}/")
    assert words in page
    assert "The same id came before with another body" in page


def test_a_delivery_without_an_event_says_so(client: Client, world: World) -> None:
    DeliveryOutcome.objects.create(delivery=world.delivery, decided_at=NOON, status=DeliveryStatus.DECIDED)
    Event.objects.filter(pk=world.event.pk).update(delivery_id=None)
    assert "Decided: it holds no event." in text_of(client, f"/deliveries/{world.delivery.pk}/")


def test_every_reason_to_refuse_a_delivery_has_its_advice() -> None:
    assert set(deliveries.ADVICE) == set(Refusal)


def test_lists_keep_to_their_filters(client: Client, world: World) -> None:
    other = make_world()
    DeliveryOutcome.objects.create(delivery=world.delivery, decided_at=NOON, status=DeliveryStatus.ERROR)
    AgentProfile.objects.filter(pk=world.agent.profile_id).update(name="Only this")
    narrow = {
        f"/agents/?profile={world.agent.profile_id}": "agent",
        "/agents/?q=only": "agent",
        f"/deliveries/?connection={world.delivery.connection_id}&source=github": "delivery",
        "/deliveries/?status=error": "delivery",
        f"/events/?connection={world.event.connection_id}": "event",
        f"/executions/?event={world.event.pk}": "execution",
        f"/workspaces/?template={world.workspace.template_id}": "workspace",
    }
    for address, name in narrow.items():
        page = text_of(client, address)
        plural = "deliveries" if name == "delivery" else f"{name}s"
        assert f"/{plural}/{getattr(world, name).pk}/" in page, address
        assert f"/{plural}/{getattr(other, name).pk}/" not in page, address


def test_the_library_keeps_to_a_source_and_a_kind(client: Client, world: World) -> None:
    thread = make_item(kind="mail_thread", title="A thread", is_watched=True)
    for query, there, gone in (("kind=mail_thread", thread, world.item), ("kind=pull_request", world.item, thread)):
        page = text_of(client, f"/?{query}&source=github")
        assert f"/library/{there.pk}/card/" in page
        assert f"/library/{gone.pk}/card/" not in page
    assert f"/library/{thread.pk}/card/" not in text_of(client, "/?source=email")


def test_the_status_says_that_starts_are_paused_and_where_to_look(client: Client, world: World) -> None:
    world.item.connection.listeners.create(
        listener_type="webhook", created_at=NOON - timedelta(days=1), status=ListenerStatus.BREAKER_OPEN
    )
    assert ContextListener.objects.filter(status=ListenerStatus.BREAKER_OPEN).exists()
    admission.pause_all(by=Actor.system(), now=NOON)
    page = text_of(client, "/status/")
    assert "all starts are paused" in page
    assert "things need a look" in page


def test_a_workspace_whose_directory_is_gone_is_still_shown(client: Client, world: World) -> None:
    files.remove_tree(files.root_of(world.workspace))
    text_of(client, f"/workspaces/{world.workspace.pk}/")
