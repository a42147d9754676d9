"""Wishes about agents, settled where no process is alive."""

from datetime import datetime
from typing import Any

import pytest

from accounts.actor import Actor
from agents.enums import AgentStatus, IntentKind, IntentStatus, Pool
from agents.models import Agent, AgentIntent, AgentRun
from agents.services import admission, conversation, endings, intents, obsolete, runs
from agents.services.arbitrate import Action
from agents.services.settle_intents import settle
from agents.services.values import InvalidValue
from tests.agents.handlers import RecordingHandler
from tests.agents.running import running
from tests.agents.supervising import admitted_agent, waiting_agent
from tests.factories.agents import make_profile, set_limits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()


def test_a_wish_about_an_agent_that_has_ended_is_none(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    Agent.objects.update(status=AgentStatus.COMPLETED)
    assert intents.stop(agent=agent, by=Actor.system(), now=now, reason="") is None
    assert intents.tell(agent=agent, text="hello", by=Actor.system(), now=now) is None


def test_a_second_stop_is_none(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    first = intents.stop(agent=agent, by=Actor.system(), now=now, reason="")
    assert first is not None
    assert first.reason == "stopped by a person"
    assert intents.stop(agent=agent, by=Actor.system(), now=now, reason="") is None


@pytest.mark.parametrize("text", ["", "  ", "\0", "x" * 20_001])
def test_an_empty_or_endless_message_is_refused(now: datetime, text: str) -> None:
    with pytest.raises(InvalidValue):
        intents.tell(agent=admitted_agent(make_profile()), text=text, by=Actor.system(), now=now)


def test_a_message_to_a_pending_agent_is_kept_for_its_run(now: datetime) -> None:
    agent = waiting_agent(make_profile())
    intents.tell(agent=agent, text="hello", by=Actor.system("anna"), now=now)
    assert intents.agents_with_wishes() == [agent.pk]
    assert settle(agent.pk, now=now) is Action.NOTE
    assert conversation.instructions_of(agent) == ["hello"]
    assert settle(agent.pk, now=now) is Action.NOTHING
    assert intents.agents_with_wishes() == []


def test_a_message_to_a_run_that_cannot_read_makes_it_run_again_before_the_gate(now: datetime) -> None:
    agent = admitted_agent(make_profile())
    run = running(agent, now)
    intents.tell(agent=agent, text="one more thing", by=Actor.system("anna"), now=now)
    assert settle(agent.pk, now=now, takes_messages=False) is Action.WAIT
    assert endings.claim_done(run.pk, owner="me", now=now) is False
    agent.refresh_from_db()
    assert (agent.status, agent.claims_done_at, agent.rounds) == (AgentStatus.PENDING, None, 0)
    assert admission.holds_slot(agent.start, Pool.AGENTS)
    assert conversation.instructions_of(agent) == ["one more thing"]


def test_telling_with_nothing_to_tell_writes_nothing(now: datetime) -> None:
    run = running(admitted_agent(make_profile()), now)
    assert endings.tell(run.pk, owner="me", now=now) == []


def test_a_wish_without_meaning_is_dropped(now: datetime) -> None:
    agent = waiting_agent(make_profile())
    AgentIntent.objects.create(agent=agent, kind=IntentKind.START, by="anna", at=now)
    assert settle(agent.pk, now=now) is Action.DROP
    assert AgentIntent.objects.get().status == IntentStatus.DROPPED


def test_a_stop_drops_the_other_wishes(now: datetime) -> None:
    agent = waiting_agent(make_profile())
    intents.tell(agent=agent, text="hello", by=Actor.system(), now=now)
    intents.stop(agent=agent, by=Actor.system(), now=now, reason="not wanted")
    assert settle(agent.pk, now=now) is Action.END
    settled = dict(AgentIntent.objects.values_list("kind", "status"))
    assert settled == {IntentKind.STOP: IntentStatus.DONE, IntentKind.UPDATE: IntentStatus.DROPPED}


def test_a_wish_that_changed_meaning_between_the_look_and_the_lock_is_looked_at_again(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = admitted_agent(make_profile())
    intents.stop(agent=agent, by=Actor.system(), now=now, reason="not wanted")
    packed = obsolete.pack

    def started_meanwhile(agent_id: int) -> Any:
        running(agent, now) if not AgentRun.objects.exists() else None
        return packed(agent_id)

    monkeypatch.setattr(intents, "stop_intent_of", lambda agent_id: None)
    monkeypatch.setattr(runs, "_is_stop_wanted", lambda agent: False)
    monkeypatch.setattr(obsolete, "pack", started_meanwhile)
    assert settle(agent.pk, now=now) is Action.STOP_RUN
    agent.refresh_from_db()
    assert agent.status == AgentStatus.RUNNING
