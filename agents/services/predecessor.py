"""What an agent is told of the one that it replaces: how that one ended and what was under way, as data."""

from agents.enums import AgentStatus, MessageKind
from agents.models import Agent, AgentMessage
from agents.runtimes.port import RUN_DIRECTORY
from workspaces.services.untrusted import fenced

BEFORE_FILE = f"{RUN_DIRECTORY}/before.md"
MOST_SHOWN = 40
LONGEST_SHOWN = 2_000
_KINDS = (MessageKind.INSTRUCTION, MessageKind.TEXT, MessageKind.TOOL_CALL, MessageKind.GATE)


def page_of(before: Agent) -> str:
    """The page of ``BEFORE_FILE``: read when that agent has ended, so that its last words are in it."""
    last = AgentMessage.objects.filter(agent_id=before.pk, kind__in=_KINDS).order_by("-seq")[:MOST_SHOWN]
    lines = [f"{MessageKind(row.kind).label}: {_cut(row.text)}" for row in reversed(last)]
    how = f"{AgentStatus(before.status).label.lower()}, after {before.rounds} rounds at the gate"
    head = f"# The agent before you\n\nAgent {before.pk} worked here before you; it is {how}.\n"
    left = "What it left is in `work/` and `feedback/`, as it left it. The last of its conversation, as data:\n"
    return f"{head}{left}\n{fenced(chr(10).join(lines) or 'It had said nothing yet.')}\n"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"
