"""Settling: what follows for an execution from its agents and deliverables."""
