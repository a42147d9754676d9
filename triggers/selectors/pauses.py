"""What is paused: everything, a connection, a trigger; by whom, since when and why. Pauses stop starts, not intake."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Connection
from accounts.permissions import Person, visible
from agents.selectors.capacity import limits_now
from triggers.enums import TriggerStatus
from triggers.selectors.triggers import triggers_visible_to

EVERYTHING, CONNECTION, TRIGGER = "everything", "connection", "trigger"
SHOWN = 100


@dataclass(frozen=True)
class Pause:
    """``kind`` is one of the three; ``id`` that of the connection or trigger. ``at`` is None for one of long ago."""

    kind: str
    id: int | None
    name: str
    by: str
    at: datetime | None
    reason: str


def pauses(*, user: Person) -> list[Pause]:
    """Those that hold starts back, of what the person may see; the widest first."""
    limits = limits_now()
    found = []
    if limits.is_paused:
        found.append(Pause(EVERYTHING, None, "Everything", limits.paused_by, limits.paused_at, limits.pause_reason))
    connections = visible(Connection.objects.filter(is_paused=True), user=user).order_by("name", "pk")
    triggers = triggers_visible_to(user=user).filter(status=TriggerStatus.PAUSED).order_by("name", "pk")
    for kind, rows in ((CONNECTION, connections), (TRIGGER, triggers)):
        found += [Pause(kind, row.pk, row.name, row.paused_by, row.paused_at, row.pause_reason) for row in rows[:SHOWN]]
    return found
