"""The triggers room in the admin."""

from triggers.admin import (
    connections,
    deliverables,
    deliveries,
    endpoints,
    erasures,
    events,
    executions,
    items,
    listeners,
    replays,
    retention,
    schedules,
    secrets,
    snapshots,
    triggers,
    watches,
)

__all__ = [
    "connections",
    "deliverables",
    "deliveries",
    "endpoints",
    "erasures",
    "events",
    "executions",
    "items",
    "listeners",
    "replays",
    "retention",
    "schedules",
    "secrets",
    "snapshots",
    "triggers",
    "watches",
]
