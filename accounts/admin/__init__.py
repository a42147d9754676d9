"""The accounts room in the admin: people and their rights, the logs."""

from accounts.admin import locks, logs, people, toggles

__all__ = ["locks", "logs", "people", "toggles"]
