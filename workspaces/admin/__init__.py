"""The workspaces room in the admin: templates, workspaces, states of items."""

from workspaces.admin import states, templates, workspaces

__all__ = ["states", "templates", "workspaces"]
