"""An object's history in the admin: its entries in the audit log, for Django's own table of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet

from accounts.enums import Via
from accounts.models import AuditEntry
from accounts.operations import Operation
from accounts.permissions import Person, visible


@dataclass(frozen=True)
class Who:
    get_username: str
    get_full_name: str


@dataclass(frozen=True)
class Line:
    """One entry as Django's template of an object's history asks for it."""

    action_time: datetime
    user: Who
    get_change_message: str


def entries_about(obj: Model, *, person: Person) -> QuerySet[AuditEntry]:
    """What the audit log says of ``obj``, newest first, as far as the person may read it."""
    if not isinstance(obj.pk, int):
        # A token is named by its digest; its entries stand at its owner.
        return AuditEntry.objects.none()
    rows = AuditEntry.objects.filter(kind=obj._meta.model_name, object_id=obj.pk)
    return visible(rows, user=person, operation=Operation.READ_AUDIT).order_by("-id")


def as_line(entry: AuditEntry) -> Line:
    changed = "; ".join(f"{name}: {_short(value)}" for name, value in entry.after.items())
    return Line(
        action_time=entry.at,
        user=Who(entry.actor_label, Via(entry.via).label),
        get_change_message=f"{entry.action} – {changed}" if changed else entry.action,
    )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
