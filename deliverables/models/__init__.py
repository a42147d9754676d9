"""Rows of required outputs and their checks."""

from deliverables.models.deliverable import Check, Deliverable

__all__ = ["Check", "Deliverable"]
