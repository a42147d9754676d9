"""What the agents room tells other parts: whose its rows are, and what starts when an agent is admitted."""

from django.db.models import Q

from accounts import ownership
from accounts.models import User
from accounts.ownership import Ownership, own_or_granted
from agents.models import (
    Agent,
    AgentIntent,
    AgentMessage,
    AgentProfile,
    AgentRun,
    ConversationPart,
    ModelProvider,
    ObsoleteAgentRecord,
    RecordRule,
    RuntimeCommand,
)
from agents.services.agent_start import AgentStart
from agents.starts import AGENT_START, starts
from workspaces.models import Workspace, WorkspaceTemplate


def register() -> None:
    """Called once, when the apps are ready."""
    if AGENT_START not in starts:
        starts.register(AGENT_START, AgentStart())
    workspace = (("workspace", Workspace),)
    of_agent = Ownership(owners=("agent__workspace__owner",), grants=(("agent__workspace", Workspace),))
    ownership.register(AgentProfile, Ownership(owners=("owner",), grants=(("", AgentProfile),)))
    ownership.register(RuntimeCommand, Ownership(is_public=True))
    ownership.register(ModelProvider, Ownership(is_public=True))
    ownership.register(Agent, Ownership(owners=("workspace__owner",), grants=workspace))
    ownership.register(AgentRun, of_agent)
    ownership.register(AgentIntent, of_agent)
    ownership.register(ObsoleteAgentRecord, Ownership(owners=("workspace__owner",), grants=workspace))
    ownership.register(ConversationPart, of_agent)
    ownership.register(
        RecordRule,
        Ownership(
            owners=("workspace__owner", "template__owner"),
            grants=(*workspace, ("template", WorkspaceTemplate)),
            more=_for_everywhere,
        ),
    )
    ownership.register(AgentMessage, Ownership(more=_of_own_agents))


def _of_own_agents(user: User, reading: bool) -> Q:
    agents = Agent.objects.filter(own_or_granted(Agent, user, reading=reading))
    return Q(agent_id__in=agents.order_by().values("pk"))


def _for_everywhere(_: User, reading: bool) -> Q:
    return Q(is_default=True) if reading else Q(pk__in=[])
