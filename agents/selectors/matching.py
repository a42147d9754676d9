"""Which agent at work an event could be given to: its criteria are exactly equal, and it is the newest such."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import visible
from agents.criteria import differing
from agents.enums import AGENT_MOVES, AgentStatus, Criterion, IntentKind, IntentStatus
from agents.models import Agent, AgentIntent
from workspaces.enums import TrustTier, WorkspaceStatus

MOST_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Look:
    """One agent that was compared; ``why_not`` is empty where it matches."""

    agent_id: int
    workspace_id: int
    why_not: str


@dataclass(frozen=True, slots=True)
class Match:
    """The agent that matched, if any, and all that were looked at, the newest first."""

    agent: Agent | None
    looks: Sequence[Look]


def match(
    *, item_id: int, owner: User, wanted: Mapping[str, str], on: Collection[Criterion], trust_tier: TrustTier
) -> Match:
    """Compare the newest agents that have not ended in active workspaces about the item, as far as ``owner`` sees them.

    ``wanted`` are the criteria of the agent that would be begun; ``trust_tier`` is that of the event: an agent is never
    given what is trusted less than what it works on, for it may do more than the event's tier allows.
    """
    stopping = AgentIntent.objects.filter(agent=OuterRef("pk"), kind=IntentKind.STOP, status=IntentStatus.PENDING)
    rows = Agent.objects.filter(
        workspace__item_id=item_id, workspace__status=WorkspaceStatus.ACTIVE, status__in=AGENT_MOVES.open
    )
    rows = rows.select_related("workspace", "profile").annotate(
        is_stopping=Exists(stopping), has_successor=Exists(Agent.objects.filter(replaces=OuterRef("pk")))
    )
    seen = list(visible(rows, user=owner).order_by("-id")[:MOST_LOOKED_AT])
    ids = [agent.pk for agent in seen]
    controlled = set(
        visible(Agent.objects.filter(pk__in=ids), user=owner, operation=Operation.CONTROL_AGENTS)
        .order_by()
        .values_list("pk", flat=True)
    )
    looks, found = [], None
    for agent in seen:
        why_not = _why_not(agent, controlled, wanted, on, trust_tier)
        looks.append(Look(agent.pk, agent.workspace_id, why_not))
        found = found or (agent if not why_not else None)
    return Match(found, looks)


def _why_not(
    agent: Agent, controlled: Collection[int], wanted: Mapping[str, str], on: Collection[Criterion], tier: TrustTier
) -> str:
    """The first thing that keeps an agent from matching, in words."""
    if agent.pk not in controlled:
        return "the trigger's owner may not control it"
    if getattr(agent, "has_successor", False):
        return "it is being replaced"
    if getattr(agent, "is_stopping", False) or agent.status == AgentStatus.STOPPING:
        return "it is being stopped"
    if _rank(tier) < _rank(TrustTier(agent.workspace.trust_tier)):
        return "the event is trusted less than what it works on"
    if not agent.criteria and on:
        return "it began before its criteria were kept"
    names = [one.label.lower() for one in differing(agent.criteria, wanted, on)]
    return f"other {', '.join(names)}" if names else ""


def _rank(tier: TrustTier) -> int:
    return list(TrustTier).index(tier)
