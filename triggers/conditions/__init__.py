"""Conditions: pure functions from (tree, event, item) to a verdict with its reasons. No Django in this package."""
