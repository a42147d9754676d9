"""Settles wishes about agents that have no process alive; those about a live one are its supervisor's."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from agents.enums import AgentStatus, IntentKind, IntentStatus
from agents.models import Agent, AgentIntent
from agents.services import conversation, obsolete, restoring
from agents.services.arbitrate import Action, arbitrate
from agents.services.endings import end_agent_stopped
from agents.services.intents import wisher_of
from agents.services.resume import resume

HERE = (Action.END, Action.NOTE, Action.RESUME, Action.DROP)


def settle(agent_id: int, *, now: datetime, takes_messages: bool = True) -> Action:
    """Do what can be done about an agent without its process, and return what is left for its supervisor to do."""
    _, action = _next(agent_id, takes_messages)
    if action is Action.RESTORE:
        restoring.fill(agent_id, now=now)
        return action
    if action not in HERE:
        return action
    packed = obsolete.pack(agent_id) if action is Action.END else None
    with transaction.atomic():
        agent = Agent.objects.select_for_update(of=("self",)).select_related("profile", "start").get(pk=agent_id)
        kind, action = _next(agent_id, takes_messages)
        if kind is None or action not in HERE:
            return action
        wishes = list(_pending(agent_id).filter(kind=kind).select_related("wisher"))
        if action is Action.END:
            packed = packed or obsolete.pack(agent_id, with_files=False)
            end_agent_stopped(agent, packed, now=now, reason=wishes[0].reason, by=wisher_of(wishes[0]))
            return action
        if kind in (IntentKind.UPDATE, IntentKind.NEWS) and action is not Action.DROP:
            _note(agent, wishes, now)
        if action is Action.RESUME:
            resume(agent=agent, now=now, reason="a person answered" if kind == IntentKind.UPDATE else "news came")
        status = IntentStatus.DROPPED if action is Action.DROP else IntentStatus.DONE
        AgentIntent.objects.filter(pk__in=[one.pk for one in wishes]).update(status=status, settled_at=now)
    return action


def _next(agent_id: int, takes_messages: bool) -> tuple[IntentKind | None, Action]:
    status = Agent.objects.values_list("status", flat=True).get(pk=agent_id)
    wished = {IntentKind(kind) for kind in _pending(agent_id).values_list("kind", flat=True)}
    return arbitrate(AgentStatus(status), wished, takes_messages=takes_messages)


def _pending(agent_id: int) -> QuerySet[AgentIntent]:
    return AgentIntent.objects.filter(agent_id=agent_id, status=IntentStatus.PENDING).order_by("id")


def _note(agent: Agent, wishes: Sequence[AgentIntent], now: datetime) -> None:
    conversation.append(agent, conversation.told(wishes), now=now)
