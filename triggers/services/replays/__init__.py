"""Asking again: one event, a refused delivery, a window."""
