"""An agent at work is replaced: it is asked to stop, and its successor goes on in its workspace when it has ended."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from agents.criteria import criteria_of
from agents.enums import AGENT_MOVES, IntentKind, IntentStatus, MessageKind
from agents.models import Agent, AgentIntent, AgentMessage, AgentProfile, StartRequest
from agents.runtimes import Message
from agents.services import conversation, intents
from agents.services.admission import charge
from agents.services.agent_start import queue_again
from dct_site.kernel import moves, wake


class AgentGone(Exception):
    """The agent has ended, is asked to stop already, or has a successor."""


def replace(
    *,
    predecessor: Agent,
    profile: AgentProfile,
    start: StartRequest,
    instructions: str,
    news: str,
    path: str,
    by: Actor,
    now: datetime,
) -> Agent:
    """Ask ``predecessor`` to stop and return its successor, an agent of ``profile`` that waits for its end.

    The successor is told ``instructions``, what the one before was told, then ``news`` (our words; the files lie at
    ``path``); what is still on its way, and news that was given to the one before, follow as they were wished. All in
    one transaction, which the caller may widen: either the one works on, or the other follows it. ``start`` gives the
    successor its priority, and pays. Raises AgentGone.
    """
    with transaction.atomic():
        before = Agent.objects.select_for_update(of=("self",)).get(pk=predecessor.pk)
        reason = "News came: its successor goes on."
        is_gone = before.status in AGENT_MOVES.terminal or Agent.objects.filter(replaces=before).exists()
        if is_gone or intents.stop(agent=before, by=by, now=now, reason=reason) is None:
            raise AgentGone
        successor = Agent.objects.create(
            workspace=before.workspace,
            profile=profile,
            start=start,
            replaces=before,
            criteria=criteria_of(profile, instructions=instructions),
            created_at=now,
        )
        moves.born(successor, now=now)
        charge(start=start, workspace_id=before.workspace_id)
        said = [Message(MessageKind.INSTRUCTION, instructions)] if instructions else []
        said += _told_before(before)
        said.append(Message(MessageKind.INSTRUCTION, news, {"by": by.label, "news": path}))
        conversation.append(successor, said, now=now)
        _hand_over(before, successor)
        wake.poke_on_commit(wake.Topic.SUPERVISE)
    return successor


def _told_before(before: Agent) -> list[Message]:
    """What people told the one before, and the news by which it came to its place; else the third of three successors
    would know nothing of what the first was told. What was wished as news is told anew, by its wish.
    """
    rows = AgentMessage.objects.filter(agent_id=before.pk, kind=MessageKind.INSTRUCTION).order_by("seq")
    return [
        Message(MessageKind.INSTRUCTION, row.text, row.data)
        for row in rows
        if row.data.get("by") and not (row.data.get("news") and row.data.get("update"))
    ]


def _hand_over(before: Agent, successor: Agent) -> None:
    """What was brought to an agent that ends before it has proven anything counts for the one that follows."""
    waiting = AgentIntent.objects.filter(agent=before, status=IntentStatus.PENDING)
    waiting.filter(kind=IntentKind.UPDATE).update(agent=successor)
    news = AgentIntent.objects.filter(agent=before, kind=IntentKind.NEWS).exclude(status=IntentStatus.DROPPED)
    news.update(agent=successor, status=IntentStatus.PENDING, settled_at=None)


def is_kept_waiting(agent: Agent) -> bool:
    """Whether the agent that it replaces has not ended yet: never two of them in one workspace."""
    return (
        agent.replaces_id is not None
        and Agent.objects.filter(pk=agent.replaces_id, status__in=AGENT_MOVES.open).exists()
    )


def let_in(predecessor: Agent, *, now: datetime) -> None:
    """Its successor, where it has one, wishes for a slot. In the transaction that ends it; safe to repeat."""
    followers = Agent.objects.select_related("start").filter(replaces=predecessor, status="pending")
    for successor in followers:
        queue_again(successor, now=now)
