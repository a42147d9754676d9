"""Agents that were put away, for tests."""

from datetime import datetime
from typing import Any

from accounts.actor import Actor
from agents.enums import AgentStatus, MessageKind
from agents.models import Agent, AgentMessage, ObsoleteAgentRecord
from agents.services.obsolete import keep, pack
from tests.factories.agents import NOON, make_agent

SYSTEM = Actor.system("anna")


def say(agent: Agent, *texts: str, at: datetime = NOON) -> None:
    """Lines of its conversation, after those that are there."""
    seq = AgentMessage.objects.filter(agent_id=agent.pk).count()
    AgentMessage.objects.bulk_create(
        AgentMessage(agent_id=agent.pk, seq=seq + n, kind=MessageKind.TEXT, text=text, data={"n": n}, at=at)
        for n, text in enumerate(texts, 1)
    )


def put_away(*texts: str, at: datetime = NOON, reason: str = "replaced", **over: Any) -> ObsoleteAgentRecord:
    """The record of a stopped agent that said this."""
    agent = make_agent(**over)
    say(agent, *texts)
    record = keep(agent, pack(agent.pk), reason=reason, by=SYSTEM, now=at)
    assert record is not None
    Agent.objects.filter(pk=agent.pk).update(status=AgentStatus.STOPPED, ended_at=at)
    return ObsoleteAgentRecord.objects.get(pk=record.pk)
