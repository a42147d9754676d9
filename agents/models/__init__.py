"""Rows of agents, their runs, and the capacity they take."""

from agents.models.agent import Agent, AgentIntent, AgentMessage, AgentRun, ObsoleteAgentRecord
from agents.models.budget import Budget, Reservation, Spending
from agents.models.capacity import Limits, SlotHolder, StartRequest
from agents.models.profile import AgentProfile, CommandSecret, ModelProvider, RuntimeCommand

__all__ = [
    "Agent",
    "AgentIntent",
    "AgentMessage",
    "AgentProfile",
    "AgentRun",
    "Budget",
    "CommandSecret",
    "Limits",
    "ModelProvider",
    "ObsoleteAgentRecord",
    "Reservation",
    "RuntimeCommand",
    "SlotHolder",
    "Spending",
    "StartRequest",
]
