"""Renews and reads the signs of life of DCT's processes."""

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Heartbeat

FORGOTTEN_AFTER = timedelta(minutes=10)


def beat(*, role: str, owner: str, now: datetime, facts: dict[str, Any]) -> None:
    """Say that ``owner`` is alive in ``role``; owners that have long been silent are forgotten."""
    changed = Heartbeat.objects.filter(role=role, owner=owner).update(at=now, facts=facts)
    if not changed:
        Heartbeat.objects.create(role=role, owner=owner, at=now, facts=facts)
        Heartbeat.objects.filter(at__lt=now - FORGOTTEN_AFTER).delete()


def retire(*, role: str, owner: str) -> None:
    """Take the row away at a clean end."""
    Heartbeat.objects.filter(role=role, owner=owner).delete()


def retire_all() -> None:
    """Take every row away: none of those processes is one of this installation."""
    Heartbeat.objects.all().delete()


def seconds_since(role: str, *, now: datetime) -> float | None:
    """Seconds since anybody in ``role`` was last seen; None where nobody ever was."""
    latest = Heartbeat.objects.filter(role=role).order_by("-at").values_list("at", flat=True).first()
    return None if latest is None else max(0.0, (now - latest).total_seconds())
