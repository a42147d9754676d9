"""The clock's part of admission: ending what waited too long, and looking again at what was parked."""

from datetime import datetime

from django.db import transaction

from agents.enums import StartStatus
from agents.models import StartRequest
from agents.services.admission.lock import lock_capacity
from agents.services.admission.parking import parked_keys, unpark
from agents.starts import starts
from dct_site.kernel import moves

OPEN = (StartStatus.WAITING, StartStatus.PARKED)


def expire_starts(*, now: datetime, limit: int = 100) -> int:
    """End up to ``limit`` wishes whose time is over and tell their handlers; then look at what is parked.

    Returns how many ended. Called by the clock.
    """
    ended = _end_due(now, limit)
    sweep_parked(now=now)
    return ended


def _end_due(now: datetime, limit: int) -> int:
    due = StartRequest.objects.filter(status__in=OPEN, expires_at__lte=now).order_by("expires_at", "id")
    if not due.exists():
        return 0
    ended = 0
    with transaction.atomic():
        lock_capacity()  # before the rows of its subject, as in every admission
        for start in due[:limit]:
            try:
                with transaction.atomic():
                    moves.move(start, StartStatus.EXPIRED, now=now, reason="it waited longer than it may")
                    starts.get(start.kind).on_expired(start, now)
            except (moves.LostRace, moves.IllegalMove):
                start.refresh_from_db()
                if start.status not in OPEN:  # cancelled meanwhile
                    continue
                # What it was for has ended otherwise; the wish ends all the same.
                moves.move(start, StartStatus.EXPIRED, now=now, reason="what it was for has ended")
            ended += 1
    return ended


def sweep_parked(*, now: datetime) -> int:
    """Look again at every key with parked starts: a lost wake-up must not park them for ever. Returns how many woke."""
    return sum(unpark(key=key, now=now) for key in parked_keys())
