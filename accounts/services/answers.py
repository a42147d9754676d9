"""Answers that are kept for ``Idempotency-Key``: deleted after a day, and emptied at once where something is erased."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import IdempotencyKey

KEPT = timedelta(hours=24)
BATCH = 50
"""In one transaction."""


def drop_old(*, now: datetime) -> int:
    """Delete a batch of answers whose day is over; how many. Called by the clock."""
    old = IdempotencyKey.objects.filter(created_at__lt=now - KEPT).order_by("created_at")
    ids = list(old.values_list("pk", flat=True)[:BATCH])
    if not ids:
        return 0
    with transaction.atomic():
        return IdempotencyKey.objects.filter(pk__in=ids).delete()[0]


def forget_content() -> int:
    """Empty every answer that is kept; how many had content.

    All of them: an answer may quote what it does not name. The key, the status and the address of what was made stay,
    so that a repeat does nothing twice; it is answered without a body.
    """
    gone = 0
    told = IdempotencyKey.objects.filter(response_body__isnull=False).order_by("pk").values_list("pk", flat=True)
    while ids := list(told[:BATCH]):
        with transaction.atomic():
            gone += IdempotencyKey.objects.filter(pk__in=ids).update(response_body=None)
    return gone
