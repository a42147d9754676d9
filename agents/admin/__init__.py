"""The agents room in the admin."""

from agents.admin import agents, budgets, capacity, profiles

__all__ = ["agents", "budgets", "capacity", "profiles"]
