"""Giving slots back, and letting in those who waited behind a key."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from agents.enums import Pool, StartStatus
from agents.models import SlotHolder, StartRequest
from agents.selectors.gate import frees
from agents.services.admission.budgets import settle
from agents.services.admission.parking import unpark
from dct_site.kernel import moves, wake


def holds_slot(start: StartRequest | None, pool: Pool) -> bool:
    """Whether the start still holds its slot of ``pool``."""
    return start is not None and SlotHolder.objects.filter(start=start, pool=pool).exists()


def release(*, start: StartRequest, pool: Pool, now: datetime) -> bool:
    """Give a slot back; with its last one the start is done. False when it held none. Safe to repeat."""
    with transaction.atomic():
        # Two pools given back at the same time would each see the other's row, and the start would never be done.
        rows = StartRequest.objects.select_for_update(of=("self",)).select_related("reservation")
        locked = rows.get(pk=start.pk)
        deleted, _ = SlotHolder.objects.filter(start=locked, pool=pool).delete()
        if not deleted:
            return False
        if not SlotHolder.objects.filter(start=locked).exists():
            moves.move(locked, StartStatus.DONE, now=now)
            settle(locked)
            let_in(frees(locked), now=now)
        wake.poke_on_commit(wake.Topic.ADMIT)
    return True


def let_in(keys: Iterable[str], *, now: datetime) -> None:
    """Look again at who is parked behind these keys."""
    parked = StartRequest.objects.filter(status=StartStatus.PARKED, parked_for__in=list(keys)).order_by()
    for key in sorted(parked.values_list("parked_for", flat=True).distinct()):
        unpark(key=key, now=now)
