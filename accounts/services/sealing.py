"""Chains committed audit entries, so that an edit of the past can be proven against a head that was exported before it.

An entry is written in the transaction of its change, where no order between transactions exists yet; the sealer gives
each committed entry the next position and ``hash = SHA-256(previous hash + canonical JSON of the entry)``.
"""

import hashlib
import json
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.models import AuditEntry

GENESIS = "0" * 64


@dataclass(frozen=True)
class ChainReport:
    """What a verification found: the number of sealed entries, the head's hash, and the first entry that is wrong."""

    entries: int
    head: str
    broken_at: int | None
    detail: str

    @property
    def holds(self) -> bool:
        return self.broken_at is None


def seal(*, limit: int = 500) -> int:
    """Seal up to ``limit`` entries, oldest first; return how many. Any number of sealers at once is harmless."""
    if not AuditEntry.objects.filter(position=None).exists():
        return 0
    try:
        return _seal(limit)
    except IntegrityError:
        # Two sealers began the chain at the same time; the other one's entries stand.
        return 0


def _seal(limit: int) -> int:
    with transaction.atomic():
        # The head row is locked so that two sealers (PostgreSQL) do not give out one position twice.
        head = AuditEntry.objects.select_for_update().exclude(position=None).order_by("-position").first()
        position, previous = (head.position or 0, head.hash) if head else (0, GENESIS)
        waiting = list(AuditEntry.objects.select_for_update().filter(position=None).order_by("id")[:limit])
        for entry in waiting:
            position += 1
            digest = _hash(entry, position=position, previous=previous)
            AuditEntry.objects.filter(pk=entry.pk, position=None).update(
                position=position, previous_hash=previous, hash=digest
            )
            previous = digest
    return len(waiting)


def verify() -> ChainReport:
    """Walk the chain from its start; name the first entry whose content, place or predecessor was changed."""
    previous, expected = GENESIS, 0
    for entry in AuditEntry.objects.exclude(position=None).order_by("position").iterator(chunk_size=1000):
        expected += 1
        if entry.position != expected:
            return ChainReport(
                expected - 1, previous, entry.pk, f"An entry is missing before position {entry.position}."
            )
        if entry.previous_hash != previous or entry.hash != _hash(entry, position=expected, previous=previous):
            return ChainReport(expected - 1, previous, entry.pk, f"Entry {entry.pk} was changed after it was sealed.")
        previous = entry.hash
    return ChainReport(expected, previous, None, f"{expected} entries hold.")


def _hash(entry: AuditEntry, *, position: int, previous: str) -> str:
    content = {
        "position": position,
        "at": entry.at.isoformat(timespec="microseconds"),
        "actor": entry.actor_label,
        "via": entry.via,
        "action": entry.action,
        "kind": entry.kind,
        "object_id": entry.object_id,
        "object_label": entry.object_label,
        "before": entry.before,
        "after": entry.after,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous.encode() + canonical.encode()).hexdigest()
