"""Rows of agents, their runs, and the capacity they take."""

from agents.models.agent import Agent, AgentIntent, AgentMessage, AgentRun
from agents.models.budget import Budget, Reservation, Spending
from agents.models.capacity import Limits, SlotHolder, StartRequest
from agents.models.profile import AgentProfile, CommandSecret, ModelProvider, RuntimeCommand
from agents.models.record import ConversationPart, ObsoleteAgentRecord, RecordRule

__all__ = [
    "Agent",
    "AgentIntent",
    "AgentMessage",
    "AgentProfile",
    "AgentRun",
    "Budget",
    "CommandSecret",
    "ConversationPart",
    "Limits",
    "ModelProvider",
    "ObsoleteAgentRecord",
    "RecordRule",
    "Reservation",
    "RuntimeCommand",
    "SlotHolder",
    "Spending",
    "StartRequest",
]
