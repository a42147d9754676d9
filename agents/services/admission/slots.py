"""Giving slots back, and letting in those who waited behind a key."""

from datetime import datetime
from itertools import islice

from django.db import transaction

from agents.enums import Pool, StartStatus
from agents.models import SlotHolder, StartRequest
from agents.selectors.capacity import PRECEDENCE, starts_under_key
from agents.starts import held_by
from dct_site.kernel import moves, wake

MOST_UNPARKED = 100  # looked at, and at most woken, at once


def holds_slot(start: StartRequest | None, pool: Pool) -> bool:
    """Whether the start still holds its slot of ``pool``."""
    return start is not None and SlotHolder.objects.filter(start=start, pool=pool).exists()


def release(*, start: StartRequest, pool: Pool, now: datetime) -> bool:
    """Give a slot back; with its last one the start is done. False when it held none. Safe to repeat."""
    with transaction.atomic():
        # Two pools given back at the same time would each see the other's row, and the start would never be done.
        locked = StartRequest.objects.select_for_update().get(pk=start.pk)
        deleted, _ = SlotHolder.objects.filter(start=locked, pool=pool).delete()
        if not deleted:
            return False
        if not SlotHolder.objects.filter(start=locked).exists():
            moves.move(locked, StartStatus.DONE, now=now)
            if locked.concurrency_key:
                unpark(key=locked.concurrency_key, now=now)
        wake.poke_on_commit(wake.Topic.ADMIT)
    return True


def unpark(*, key: str, now: datetime) -> int:
    """Put as many parked starts of a key back into the ready queue as may run. Returns how many.

    Call it when a slot of the key came free, its limit rose, or what held it ended (a trigger was resumed).
    """
    with transaction.atomic():
        parked = StartRequest.objects.select_for_update().filter(concurrency_key=key, status=StartStatus.PARKED)
        first = parked.order_by(*PRECEDENCE).first()
        if first is None:
            return 0
        room = MOST_UNPARKED if first.key_limit is None else first.key_limit - starts_under_key(key)
        if room <= 0:
            return 0
        heads = parked.order_by(*PRECEDENCE)[:MOST_UNPARKED]
        # Whoever is held stands in nobody's way: of one key, some may wait for a source that is paused.
        woken = list(islice((start for start in heads if not held_by(start)), room))
        for start in woken:
            moves.move(start, StartStatus.WAITING, now=now)
        StartRequest.objects.filter(pk__in=[start.pk for start in woken]).update(reason="")
        if woken:
            wake.poke_on_commit(wake.Topic.ADMIT)
    return len(woken)
