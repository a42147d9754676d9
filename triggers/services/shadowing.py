"""Publishing a draft that only watches: it decides and records from the start, and never acts in between."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from triggers.models import Trigger, TriggerRevision
from triggers.services.publishing import publish
from triggers.services.standing import shadow


def publish_in_shadow(*, trigger: Trigger, by: Actor, now: datetime, version: int | None = None) -> TriggerRevision:
    """Make the draft the revision that decides, in shadow. Raises InvalidDocument, EditConflict."""
    with transaction.atomic():
        # One transaction: between the two a new trigger would be active, and fire.
        revision = publish(trigger=trigger, by=by, now=now, version=version)
        shadow(trigger=trigger, by=by, now=now)
    return revision
