"""The deliverables room in the admin: checks (a deliverable's own page is the triggers room's, which may waive it)."""

from deliverables.admin import checks

__all__ = ["checks"]
