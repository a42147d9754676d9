"""Puts into the audit log that a backup left the building."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from dct_site.backup.manifest import Manifest


def note_backup(manifest: Manifest, *, now: datetime) -> None:
    """One entry; its own archive does not hold it."""
    after = {"made_at": manifest.made_at, "files": len(manifest.members), "rows": manifest.facts.counts}
    with transaction.atomic():
        audit.record(by=Actor.cli(), action="backup.made", obj=None, now=now, after=after)
