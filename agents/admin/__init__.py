"""The agents room in the admin."""

from agents.admin import agents, budgets, capacity, model_providers, profiles

__all__ = ["agents", "budgets", "capacity", "model_providers", "profiles"]
