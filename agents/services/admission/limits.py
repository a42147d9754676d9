"""Changing the global limits, and pausing every start."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from agents.models import Limits
from agents.selectors.gate import LIMITS_KEY
from agents.services.admission.lock import lock_capacity
from agents.services.admission.parking import unpark
from agents.services.values import InvalidValue
from dct_site.kernel import journal, wake
from dct_site.kernel.edits import edit

# name → (smallest, largest, words)
BOUNDS = {
    "max_agents": (0, 10_000, "The limit of agents"),
    "max_workspaces": (0, 100_000, "The limit of workspaces"),
    "reserved_percent": (0, 100, "The reserved share"),
    "reserved_from_priority": (1, 10, "The priority from which the reserved share may be used"),
    "backlog_after_s": (10, 86_400, "The age at which a backlog begins"),
    "backlog_percent": (1, 100, "The share of the slots that a backlog may hold"),
    "ageing_s": (0, 86_400, "The waiting that raises a start by one priority"),
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
        _check_together({name: getattr(limits, name) for name in BOUNDS} | values)
        before = {name: getattr(limits, name) for name in values}
        edit(limits, version=version, **values)
        audit.record(by=by, action="limits.updated", obj=limits, now=now, before=before, after=values)
        unpark(key=LIMITS_KEY, now=now)
        wake.poke_on_commit(wake.Topic.ADMIT)
    return limits


def _check_together(values: Mapping[str, int]) -> None:
    """Refuse limits that contradict each other. A limit of 0 is a pause and contradicts nothing."""
    if values["reserved_percent"] and values["reserved_from_priority"] == 1:
        raise InvalidValue(
            "reserved_from_priority",
            "From priority 1 everything may use the reserved share, so nothing is kept. "
            "Choose a higher priority, or reserve 0 percent.",
        )


def pause_all(*, by: Actor, now: datetime, reason: str = "") -> Limits:
    """After this returns nothing starts; what runs goes on, and what arrives is decided and waits.

    Holds the capacity lock, so no start is half-way.
    """
    told = reason.strip()[:300]
    return _set_paused("limits.paused", by=by, now=now, is_paused=True, by_label=by.label, at=now, reason=told)


def resume_all(*, by: Actor, now: datetime) -> Limits:
    """Let starts happen again."""
    return _set_paused("limits.resumed", by=by, now=now, is_paused=False, by_label="", at=None, reason="")


def _set_paused(
    action: str, *, by: Actor, now: datetime, is_paused: bool, by_label: str, at: datetime | None, reason: str
) -> Limits:
    with transaction.atomic():
        limits = lock_capacity()
        if limits.is_paused != is_paused:
            edit(limits, is_paused=is_paused, paused_by=by_label[:150], paused_at=at, pause_reason=reason)
            after = {"is_paused": is_paused, **({"reason": reason} if reason else {})}
            audit.record(by=by, action=action, obj=limits, now=now, after=after)
            tell_pause(is_paused=is_paused, by=by, now=now)
            wake.poke_on_commit(wake.Topic.ADMIT)
    return limits


def tell_pause(*, is_paused: bool, by: Actor, now: datetime, connection_id: int | None = None) -> None:
    """Tell those who watch of a pause that begins or ends: of everything, or of a connection. In the caller's
    transaction, and without its reason: that is for those who may see what is paused.
    """
    refs = {"connection": connection_id} if connection_id is not None else {}
    to = "paused" if is_paused else "resumed"
    journal.write(journal.Line("pause", connection_id or 0, "", to, "", by.label, now, refs))
