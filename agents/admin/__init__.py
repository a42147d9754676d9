"""The agents room in the admin."""

from agents.admin import agents, budgets, capacity, model_providers, profiles, records

__all__ = ["agents", "budgets", "capacity", "model_providers", "profiles", "records"]
