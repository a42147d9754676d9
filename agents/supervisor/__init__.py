"""Supervises the runs of agents: one asyncio loop owns the shims, one thread talks to the database."""

from agents.supervisor.supervisor import Supervisor
from agents.supervisor.timing import Timing

__all__ = ["Supervisor", "Timing"]
