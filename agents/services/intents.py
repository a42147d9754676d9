"""Wishes about agents: a row in a queue each, settled by the supervisor (or at once, where no process is alive)."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Via
from accounts.services import audit
from agents.enums import AGENT_MOVES, IntentKind, IntentStatus
from agents.models import Agent, AgentIntent
from agents.services.values import InvalidValue
from dct_site.kernel import wake

TEXT_LIMIT = 20_000
_AUDITED = {
    IntentKind.STOP: "agent.stopped",
    IntentKind.UPDATE: "agent.told",
    IntentKind.NEWS: "agent.given_news",
}


def stop(*, agent: Agent, by: Actor, now: datetime, reason: str) -> AgentIntent | None:
    """Wish that an agent stops, its whole process tree with it. None when it has ended, or is asked to stop already."""
    return _wish(agent, IntentKind.STOP, by=by, now=now, reason=reason or "stopped by a person", payload={})


def tell(*, agent: Agent, text: str, by: Actor, now: datetime) -> AgentIntent | None:
    """Tell an agent something: at once where its runtime reads while it works, else with its next run; one that waits
    for a person goes on. None when it has ended. Raises InvalidValue.
    """
    text = text.replace("\0", "").strip()
    if not text or len(text) > TEXT_LIMIT:
        raise InvalidValue("text", f"Write a message of 1 to {TEXT_LIMIT:,} characters.")
    return _wish(agent, IntentKind.UPDATE, by=by, now=now, reason="", payload={"text": text})


def bring_news(*, agent: Agent, text: str, path: str, by: Actor, now: datetime) -> AgentIntent | None:
    """Tell an agent at its next turn of news, whose files lie at ``path`` in its workspace; one that waits for a person
    goes on with it. ``text`` is ours, not outside text. None when it has ended, or is asked to stop.
    """
    return _wish(agent, IntentKind.NEWS, by=by, now=now, reason="", payload={"text": text, "path": path})


def take_back(*, intent: AgentIntent, now: datetime) -> bool:
    """Drop a wish that is not settled yet, as nobody needs it any more; whether it was in time."""
    pending = AgentIntent.objects.filter(pk=intent.pk, status=IntentStatus.PENDING)
    return bool(pending.update(status=IntentStatus.DROPPED, settled_at=now))


def _wish(
    agent: Agent, kind: IntentKind, *, by: Actor, now: datetime, reason: str, payload: dict[str, str]
) -> AgentIntent | None:
    with transaction.atomic():
        agent = Agent.objects.select_for_update(of=("self",)).get(pk=agent.pk)
        is_over = agent.status in AGENT_MOVES.terminal
        if is_over or (kind in (IntentKind.STOP, IntentKind.NEWS) and stop_intent_of(agent.pk)):
            return None
        intent = AgentIntent.objects.create(
            agent=agent, kind=kind, payload=payload, reason=reason[:1000], by=by.label[:150], wisher=by.user, at=now
        )
        action = _AUDITED[kind]
        audit.record(by=by, action=action, obj=agent, now=now, after={"reason": reason} if reason else {})
        wake.poke_on_commit(wake.Topic.SUPERVISE)
    return intent


def stop_intent_of(agent_id: int) -> AgentIntent | None:
    """The wish to stop that is not settled yet."""
    pending = AgentIntent.objects.filter(agent_id=agent_id, kind=IntentKind.STOP, status=IntentStatus.PENDING)
    return pending.select_related("wisher").order_by("id").first()


def wisher_of(intent: AgentIntent | None) -> Actor:
    """Who wished it."""
    if intent is None or intent.wisher is None:
        return Actor.system(intent.by if intent is not None else "system")
    return Actor.person(intent.wisher, Via.SYSTEM)


def agents_with_wishes() -> list[int]:
    """Agents that something is wished for, oldest wish first."""
    pending = AgentIntent.objects.filter(status=IntentStatus.PENDING).order_by("id")
    return list(dict.fromkeys(pending.values_list("agent_id", flat=True)[:200]))
