"""Whether an execution is given to an agent that is at work already, asked before anything is made for it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.criteria import criteria_of
from agents.enums import Criterion, Strategy
from agents.models import Agent
from agents.selectors.matching import Look, match
from triggers.documents import Document, read
from triggers.models import Execution
from triggers.services.launch.checks import is_draft_asked_for, profile_of
from workspaces.enums import TrustTier

NOBODY = "No agent at work matches: a fresh one begins."


@dataclass(frozen=True)
class Matching:
    """What was asked, who was looked at, and the agent that takes the execution, if any."""

    strategy: Strategy
    match_on: tuple[Criterion, ...] = ()
    agent: Agent | None = None
    looks: list[Look] = field(default_factory=list)
    outcome: str = ""

    def as_data(self, *, at: datetime) -> dict[str, Any]:
        """As it is kept with the execution, for whoever asks why."""
        return {
            "strategy": self.strategy.value,
            "match_on": [one.value for one in self.match_on],
            "agent": self.agent.pk if self.agent else None,
            "looked_at": [
                {"agent": look.agent_id, "workspace": look.workspace_id, "why_not": look.why_not} for look in self.looks
            ],
            "outcome": self.outcome,
            "at": at.isoformat(),
        }


def has_fallen_back(execution: Execution) -> bool:
    """Whether it was given to an agent that ended before it had proven anything: now only a fresh one will do."""
    return bool(execution.matching.get("fell_back"))


def look(execution: Execution) -> Matching | None:
    """Whom the execution is given to; None where its strategy asks nobody. Reads only. Raises CannotLaunch."""
    document = read(execution.revision.document)
    if not document.looks_first:
        return None
    if has_fallen_back(execution) or is_draft_asked_for(execution):
        return None
    return _look(execution, document)


def _look(execution: Execution, document: Document) -> Matching:
    strategy, on = document.strategy, document.match_on
    event = execution.event
    if event.item_id is None:
        return Matching(strategy, on, outcome="The event is about no item: a fresh one begins.")
    instructions = (execution.revision.document.get("agent") or {}).get("instructions") or ""
    found = match(
        item_id=event.item_id,
        owner=execution.trigger.owner,
        wanted=criteria_of(profile_of(execution), instructions=instructions),
        on=on,
        trust_tier=TrustTier(event.trust_tier),
    )
    outcome = _OUTCOMES[strategy].format(found.agent.pk) if found.agent else NOBODY
    return Matching(strategy, on, found.agent, list(found.looks), outcome)


_OUTCOMES = {
    Strategy.STOP_AND_NOTIFY: "Agent {} is stopped, and a successor goes on in its workspace.",
    Strategy.QUEUE_FOR_EXISTING: "Agent {} is told at its next turn.",
}
