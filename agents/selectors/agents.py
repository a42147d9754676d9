"""Agents, profiles, programs and conversations that a person may see."""

from django.db.models import QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, may, visible
from agents.models import Agent, AgentMessage, AgentProfile, ModelProvider, RuntimeCommand


def agents_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Agent]:
    """Agents in any status, newest first."""
    rows = Agent.objects.select_related("profile", "workspace", "start", "replaced_by")
    rows = rows.defer("checkpoint", "replaced_by__checkpoint")
    return visible(rows, user=user, operation=operation)


def profiles_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[AgentProfile]:
    """Profiles that are not archived."""
    rows = AgentProfile.objects.filter(is_archived=False).select_related("owner", "command")
    return visible(rows, user=user, operation=operation)


def commands_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[RuntimeCommand]:
    """Registered programs; everybody who is signed in may choose one."""
    return visible(RuntimeCommand.objects.select_related("registered_by"), user=user, operation=operation)


def providers_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[ModelProvider]:
    """Model providers; everybody who is signed in may name one in a profile."""
    return visible(ModelProvider.objects.select_related("registered_by"), user=user, operation=operation)


def messages_of(agent: Agent, *, user: Person, after: int = 0, limit: int = 200) -> list[AgentMessage]:
    """Messages after number ``after``, oldest first; none where the person may not read conversations."""
    if not may(user, Operation.VIEW_RAW, agent):
        return []
    return list(AgentMessage.objects.filter(agent_id=agent.pk, seq__gt=after).order_by("seq")[:limit])
