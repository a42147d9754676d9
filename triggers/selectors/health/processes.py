"""Whether the processes live, the clock ticks, the secrets can be opened and the disk has room."""

import shutil
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.models import Secret
from accounts.services.heartbeat import seconds_since
from triggers.selectors.health.look import Look
from triggers.selectors.health.rules import ERROR, WARNING, Told
from workspaces.files.space import INTAKE_WATERMARK, LAUNCH_WATERMARK

SILENT_AFTER_S = 20.0
DISK_NEAR = 0.10
NAMED = 5


def silent(role: str) -> Callable[[Look], list[Told]]:
    """The rule about a role that this installation needs: no sign of life for SILENT_AFTER_S."""

    def look(at: Look) -> list[Told]:
        if role not in _roles() or _is_alive(role, at.now):
            return []
        return [Told(ERROR, f"The {role} process gives no sign of life, so nothing starts.")]

    return look


def clock_stands(at: Look) -> list[Told]:
    """The engine lives, and the clock in it does not tick: a tick that fails again and again is no silent process."""
    if settings.SCALED or not _is_alive("engine", at.now) or _is_alive("tick", at.now):
        return []
    age = seconds_since("tick", now=at.now)
    since = "has not ticked yet" if age is None else f"last ticked {age:.0f} s ago"
    return [Told(ERROR, f"The clock {since}: nothing that is due comes, and nothing that is over ends.")]


def _roles() -> tuple[str, ...]:
    return ("agents", "tick") if settings.SCALED else ("engine",)


def _is_alive(role: str, now: datetime) -> bool:
    age = seconds_since(role, now=now)
    return age is not None and age <= SILENT_AFTER_S


def locked_secrets(_: Look) -> list[Told]:
    """Connections whose secret none of the keys of now opens; looks at the name of the key, and opens nothing."""
    sealed: Any = Secret.objects.order_by("connection__name").values_list("connection__name", "value")
    names = sorted({name for name, secret in sealed if secret and not secret.has_its_key()})
    if not names:
        return []
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    return [Told(ERROR, f"The encryption key that opens the secrets of {shown} is not there.")]


def unreadable_directory(_: Look) -> list[Told]:
    """The directory of data cannot be asked for its room."""
    return [] if _free() is not None else [Told(ERROR, "The data directory cannot be read.")]


def full_disk(_: Look) -> list[Told]:
    """Below a watermark, or not far above it."""
    free = _free()
    if free is None or free >= DISK_NEAR:
        return []
    if free < INTAKE_WATERMARK:
        return [Told(ERROR, f"{free:.0%} of the disk is free: webhooks are turned away.")]
    if free < LAUNCH_WATERMARK:
        return [Told(WARNING, f"{free:.0%} of the disk is free: no new workspaces are made.")]
    return [Told(WARNING, f"{free:.0%} of the disk is free; below {LAUNCH_WATERMARK:.0%} no new workspaces are made.")]


def _free() -> float | None:
    try:
        usage = shutil.disk_usage(settings.DCT_DATA_DIR)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else 0.0
