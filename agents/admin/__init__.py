"""The agents room in the admin."""

from agents.admin import agents, capacity, profiles

__all__ = ["agents", "capacity", "profiles"]
