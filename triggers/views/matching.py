"""What people read of how an event and the agents at work met: on the execution's page and on the agent's."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from accounts.models import User
from agents.enums import Criterion, IntentKind, IntentStatus
from agents.models import Agent, AgentIntent
from agents.selectors.agents import agents_visible_to
from triggers.models import Execution
from triggers.selectors.executions import executions_visible_to
from triggers.views.links import link_to_execution

_NEWS_WORDS = {
    IntentStatus.PENDING: "it is told at its next turn",
    IntentStatus.DONE: "it was told",
    IntentStatus.DROPPED: "it was not told any more",
}


def matching_shown(execution: Execution, *, user: User) -> dict[str, Any] | None:
    """Which agents at work were compared, in which criteria, and what came of it; None where nobody was asked."""
    found: Mapping[str, Any] = execution.matching
    if not found:
        return None
    ids = [look["agent"] for look in found["looked_at"]]
    seen = {agent.pk: agent for agent in agents_visible_to(user=user).filter(pk__in=ids)}
    fell_back = found.get("fell_back")
    return {
        "outcome": found["outcome"],
        "match_on": [Criterion(one).label.lower() for one in found["match_on"]],
        "looked_at": [_look(look, seen.get(look["agent"])) for look in found["looked_at"]],
        "fell_back": f"Agent {fell_back['agent']} ended before it was done with the news." if fell_back else "",
    }


def _look(look: Mapping[str, Any], agent: Agent | None) -> dict[str, str]:
    name = f"Agent {look['agent']}"
    return {
        "name": f"{name}, {agent.profile.name}" if agent else name,
        "url": reverse("agent", args=[agent.pk]) if agent else "",
        "words": look["why_not"] or "matches",
    }


def given_to(execution: Execution, *, user: User) -> Agent | None:
    """The agent at work that is told of it, for those who may see that one."""
    if execution.news is None:
        return None
    return agents_visible_to(user=user).filter(pk=execution.news.agent_id).first()


def company_of(agent: Agent, *, user: User) -> dict[str, Any]:
    """Whom an agent goes on after, who goes on after it, and its news: as far as the person may see them."""
    after = getattr(agent, "replaced_by", None)
    ids = {"before": agent.replaces_id, "after": after.pk if after is not None else None}
    seen = {row.pk: row for row in agents_visible_to(user=user).filter(pk__in=[pk for pk in ids.values() if pk])}
    links = {name: _link(seen[pk]) for name, pk in ids.items() if pk in seen}
    return {**links, "news": _news(agent, user)}


def _link(agent: Agent) -> dict[str, str]:
    return {"name": f"Agent {agent.pk}, {agent.profile.name}", "url": reverse("agent", args=[agent.pk])}


def _news(agent: Agent, user: User) -> list[dict[str, Any]]:
    rows = AgentIntent.objects.filter(agent=agent, kind=IntentKind.NEWS, execution__isnull=False).order_by("-id")[:20]
    intents = list(rows.select_related("execution"))
    visible = executions_visible_to(user=user).filter(news__in=[one.pk for one in intents])
    seen = set(visible.order_by().values_list("pk", flat=True))
    return [
        {
            **link_to_execution(one.execution.pk),
            "words": _NEWS_WORDS[IntentStatus(one.status)],
            "at": one.settled_at or one.at,
        }
        for one in intents
        if one.execution.pk in seen
    ]
