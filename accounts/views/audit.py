"""The audit log: who changed what, when, through which door."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet

from accounts.enums import Via
from accounts.models import AuditEntry
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.filtering import Choice, Filters, Pin, searched, wanted_id
from accounts.views.lists import ListPage

VIA = Choice("via", "Door", "Every door", [(one.value, one.label) for one in Via])
LONGEST = 300


class AuditPage(ListPage[AuditEntry]):
    """Entries, newest first; CEO and sales see their own and those about their own things."""

    operation = Operation.READ_AUDIT
    page = "audit"
    template_name = "accounts/audit.html"
    name: ClassVar[str] = "entries"
    noun = "entries"

    def rows(self) -> QuerySet[AuditEntry]:
        rows = visible(AuditEntry.objects.all(), user=self.user, operation=Operation.READ_AUDIT)
        if value := VIA.chosen(self.request):
            rows = rows.filter(via=value)
        if kind := self._kind():
            rows = rows.filter(kind=kind)
            if (pk := wanted_id(self.request, "object")) is not None:
                rows = rows.filter(object_id=pk)
        if words := searched(self.request):
            rows = rows.filter(
                Q(actor_label__icontains=words) | Q(action__icontains=words) | Q(object_label__icontains=words)
            )
        return rows

    def filters(self) -> Filters:
        kind = self._kind()
        return Filters("Filter the audit log", (VIA,), "Person, action or thing", [Pin("kind", kind)] if kind else [])

    def shown(self, rows: Sequence[AuditEntry]) -> list[dict[str, Any]]:
        return [
            {
                "id": row.pk,
                "at": row.at,
                "actor": row.actor_label,
                "via": Via(row.via).label,
                "action": row.action,
                "kind": row.kind,
                "object": row.object_label or (f"{row.kind} {row.object_id}" if row.object_id else ""),
                "changes": _changes(row),
                "position": row.position,
                "hash": row.hash[:12],
            }
            for row in rows
        ]

    def _kind(self) -> str:
        kind = self.request.GET.get("kind", "")
        return kind if kind.isascii() and kind.isidentifier() and len(kind) <= 40 else ""


def _changes(row: AuditEntry) -> list[dict[str, str]]:
    """Each field that changed, before and after, as one short line of text."""
    names = list(dict.fromkeys([*row.before, *row.after]))
    return [
        {"name": name, "before": _short(row.before.get(name)), "after": _short(row.after.get(name))} for name in names
    ]


def _short(value: Any) -> str:
    if value is None or value == "":
        return ""
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
