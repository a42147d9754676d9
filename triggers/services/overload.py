"""Measures how much DCT has to bear, and moves it on the ladder of overload by that; the clock calls it."""

from collections.abc import Mapping
from datetime import datetime

from agents.ladder import step
from agents.models import Limits
from agents.services.overload import stand, standing_of
from dct_site.kernel.lockwaits import lock_wait_s
from triggers.models import PendingDelivery
from workspaces import files

COUNTED_AFTER_S = 1.0
MOST_COUNTED = 200_000


def look_at_load(*, now: datetime) -> bool:
    """Whether DCT stands on another rung now. Safe to call from anywhere, any number of times at once."""
    limits = Limits.objects.get(pk=1)
    standing = step(standing_of(limits), measured(now), now=now)
    return stand(limits=limits, standing=standing, now=now)


def measured(now: datetime) -> Mapping[str, float]:
    """The signals of the ladder, by name. What waits is counted only where it waits for a moment."""
    oldest = PendingDelivery.objects.order_by("pk").values_list("delivery__received_at", flat=True).first()
    age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    count = PendingDelivery.objects.order_by("pk")[:MOST_COUNTED].count() if age >= COUNTED_AFTER_S else 0
    return {"decide_age_s": age, "decide_count": count, "disk_used": _disk_used(), "lock_wait_s": lock_wait_s()}


def _disk_used() -> float:
    try:
        return 1 - files.free_share()
    except OSError:
        return 0.0  # health tells that it cannot be read
