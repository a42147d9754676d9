"""Giving slots back, and letting in those who waited behind a key."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from agents.enums import Pool, StartStatus
from agents.models import Reservation, SlotHolder, StartRequest
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
            _done(locked, now)
        wake.poke_on_commit(wake.Topic.ADMIT)
    return True


def conclude(*, start: StartRequest, now: datetime) -> bool:
    """One that was admitted and holds no slot is done. False where it holds one, or is done. Safe to repeat."""
    with transaction.atomic():
        rows = StartRequest.objects.select_for_update(of=("self",)).select_related("reservation")
        locked = rows.get(pk=start.pk)
        if locked.status != StartStatus.ADMITTED or SlotHolder.objects.filter(start=locked).exists():
            return False
        _done(locked, now)
    return True


def ask_for_room(*, start: StartRequest, now: datetime, expires_at: datetime | None = None) -> None:
    """One that was admitted without a slot waits again, in its old place, for a workspace and an agent; until
    ``expires_at``, where that is said.

    Joins the caller's transaction. Raises LostRace or IllegalMove where it is not admitted.
    """
    locked = StartRequest.objects.select_for_update(of=("self",)).get(pk=start.pk)
    until = expires_at or locked.expires_at
    moves.move(
        locked, StartStatus.WAITING, now=now, agents=1, workspaces=1, admitted_at=None, expires_at=until, reason=""
    )
    Reservation.objects.filter(start=locked).delete()
    let_in(frees(locked), now=now)
    wake.poke_on_commit(wake.Topic.ADMIT)


def give_up_room(*, start: StartRequest) -> None:
    """Hold no slot any more, and go on all the same. Joins the caller's transaction."""
    StartRequest.objects.filter(pk=start.pk).update(agents=0, workspaces=0)
    if SlotHolder.objects.filter(start=start).delete()[0]:
        wake.poke_on_commit(wake.Topic.ADMIT)


def pass_on_workspace(*, before: StartRequest, to: StartRequest, now: datetime) -> bool:
    """The slot of a workspace that somebody else goes on in; False where ``before`` held none. What is left of its
    other slots it gives back itself. Joins the caller's transaction.
    """
    held = SlotHolder.objects.filter(start=before, pool=Pool.WORKSPACES).update(start=to)
    conclude(start=before, now=now)
    return bool(held)


def _done(locked: StartRequest, now: datetime) -> None:
    moves.move(locked, StartStatus.DONE, now=now)
    settle(locked)
    let_in(frees(locked), now=now)
    wake.poke_on_commit(wake.Topic.ADMIT)


def let_in(keys: Iterable[str], *, now: datetime) -> None:
    """Look again at who is parked behind these keys."""
    parked = StartRequest.objects.filter(status=StartStatus.PARKED, parked_for__in=list(keys)).order_by()
    for key in sorted(parked.values_list("parked_for", flat=True).distinct()):
        unpark(key=key, now=now)
