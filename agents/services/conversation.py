"""Writes lines of an agent's conversation: numbered per agent, without gaps."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Max

from agents.enums import IntentKind, MessageKind
from agents.models import Agent, AgentIntent, AgentMessage
from agents.runtimes import Message


def last_seq(agent_id: int) -> int:
    """The number of the last message; 0 where there is none."""
    return AgentMessage.objects.filter(agent_id=agent_id).aggregate(last=Max("seq"))["last"] or 0


def append(agent: Agent, messages: Sequence[Message], *, now: datetime, run_id: int | None = None) -> int:
    """Add messages to an agent that has no run alive (a run numbers its own under its fence). Returns the last number.

    The caller holds the agent's row: two writers would take the same number.
    """
    seq = last_seq(agent.pk)
    AgentMessage.objects.bulk_create(rows_of(agent.pk, run_id, seq, messages, now))
    return seq + len(messages)


def told(intents: Sequence[AgentIntent]) -> list[Message]:
    """What people and news say, as the agent is told it; ``update`` is the id by which it knows one that it has read.

    News is not outside text: it names the files where that lies.
    """
    return [_told(one) for one in intents]


def _told(intent: AgentIntent) -> Message:
    text, data = str(intent.payload.get("text", "")), {"by": intent.by, "update": intent.pk}
    if intent.kind == IntentKind.NEWS:
        text = f"News (update {intent.pk}): {text}"
        data["news"] = intent.payload.get("path", "")
    return Message(MessageKind.INSTRUCTION, text, data)


def rows_of(
    agent_id: int, run_id: int | None, seq: int, messages: Sequence[Message], now: datetime
) -> list[AgentMessage]:
    """Rows for messages that follow number ``seq``."""
    return [
        AgentMessage(
            agent_id=agent_id,
            run_id=run_id,
            seq=seq + at,
            kind=message.kind,
            text=message.text,
            data=dict(message.data),
            at=now,
        )
        for at, message in enumerate(messages, 1)
    ]


def instructions_of(agent: Agent) -> list[str]:
    """What people told the agent, oldest first."""
    told = AgentMessage.objects.filter(agent_id=agent.pk, kind=MessageKind.INSTRUCTION).order_by("seq")
    return list(told.values_list("text", flat=True))


def gate_reasons_of(agent: Agent) -> list[str]:
    """The reasons of the last time the gate sent the agent back; empty when it never did."""
    last = AgentMessage.objects.filter(agent_id=agent.pk, kind=MessageKind.GATE).order_by("-seq").first()
    return [str(reason) for reason in last.data.get("reasons", [])] if last else []


def news_of(agent: Agent) -> list[str]:
    """The directories of the news that the agent was told, oldest first."""
    told = AgentMessage.objects.filter(agent_id=agent.pk, kind=MessageKind.INSTRUCTION).order_by("seq")
    paths = (str(data.get("news") or "") for data in told.values_list("data", flat=True))
    return [path for path in paths if path]
