"""Changing the global limits, and pausing every start."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from agents.models import Limits
from agents.services.admission.lock import lock_capacity
from agents.services.values import InvalidValue
from dct_site.kernel import wake
from dct_site.kernel.edits import edit

# name → (smallest, largest, words)
BOUNDS = {
    "max_agents": (0, 10_000, "The limit of agents"),
    "max_workspaces": (0, 100_000, "The limit of workspaces"),
    "reserved_percent": (0, 100, "The reserved share"),
    "reserved_from_priority": (1, 10, "The priority from which the reserved share may be used"),
    "backlog_after_s": (10, 86_400, "The age at which a backlog begins"),
    "backlog_percent": (1, 100, "The share of the slots that a backlog may hold"),
}


def update_limits(*, by: Actor, now: datetime, version: int, **values: int) -> Limits:
    """Change some of the limits. A lowered limit stops nothing that runs; nothing new starts until it is kept.

    Raises EditConflict when somebody else changed them since ``version``, InvalidValue for a number out of bounds.
    """
    for name, value in values.items():
        if name not in BOUNDS:
            raise InvalidValue(name, "There is no such limit.")
        low, high, words = BOUNDS[name]
        if type(value) is not int or not low <= value <= high:
            raise InvalidValue(name, f"{words} must be a whole number from {low} to {high}.")
    with transaction.atomic():
        limits = lock_capacity()
        before = {name: getattr(limits, name) for name in values}
        edit(limits, version=version, **values)
        audit.record(by=by, action="limits.updated", obj=limits, now=now, before=before, after=values)
        wake.poke_on_commit(wake.Topic.ADMIT)
    return limits


def pause_all(*, by: Actor, now: datetime) -> Limits:
    """After this returns nothing starts; what runs goes on. Holds the capacity lock, so no start is half-way."""
    return _set_paused(is_paused=True, by=by, now=now)


def resume_all(*, by: Actor, now: datetime) -> Limits:
    """Let starts happen again."""
    return _set_paused(is_paused=False, by=by, now=now)


def _set_paused(*, is_paused: bool, by: Actor, now: datetime) -> Limits:
    with transaction.atomic():
        limits = lock_capacity()
        if limits.is_paused != is_paused:
            edit(limits, is_paused=is_paused)
            action = "limits.paused" if is_paused else "limits.resumed"
            audit.record(by=by, action=action, obj=limits, now=now, after={"is_paused": is_paused})
            wake.poke_on_commit(wake.Topic.ADMIT)
    return limits
