"""Budgets: what is set, what a start that is admitted reserves, and what it used up when it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from agents.budget import BudgetBounds, Share, day_of
from agents.models import AgentRun, Budget, Limits, Reservation, Spending, StartRequest
from agents.runtimes import runtimes
from agents.services.admission.lock import lock_capacity
from agents.services.admission.parking import unpark
from dct_site.kernel.rows import append


def set_budget(*, key: str, bounds: BudgetBounds, now: datetime) -> None:
    """What the starts of ``key`` may use from now on; those that wait for it are looked at again. What was used in the
    window stays used. Joins the caller's transaction, and takes the capacity lock.
    """
    with transaction.atomic():
        lock_capacity()
        wanted = asdict(bounds)
        standing = Budget.objects.filter(key=key)
        if standing.filter(**wanted).exists() or (bounds.is_empty and not standing.exists()):
            return
        if bounds.is_empty:
            standing.delete()
        else:
            Budget.objects.update_or_create(key=key, defaults=wanted)
        has_budgets = Budget.objects.exists()
        Limits.objects.filter(~Q(has_budgets=has_budgets), pk=1).update(has_budgets=has_budgets)
        unpark(key=key, now=now)


def reserve(shares: Mapping[int, tuple[str, Share]], *, now: datetime) -> None:
    """Write what starts reserve: {primary key of a start: (key, share)}. In the transaction that admits them."""
    day = day_of(now)
    rows = [
        (start_id, key, day, share.runs, share.tokens, share.money, now) for start_id, (key, share) in shares.items()
    ]
    if rows:
        append(Reservation, ("start_id", "key", "day", "runs", "tokens", "money", "taken_at"), rows)


def charge(*, start: StartRequest | None, workspace_id: int) -> None:
    """Agents of this workspace use up what ``start`` reserved. In the transaction that deploys them."""
    if start is not None:
        Reservation.objects.filter(start=start).update(workspace_id=workspace_id)


def settle(start: StartRequest) -> None:
    """What a start that is done held becomes what it used up. Joins the caller's transaction, which locked the start.

    It counts for the day on which it was admitted, whenever it ends.
    """
    reserved: Reservation | None = getattr(start, "reservation", None)
    if reserved is None:
        return
    tokens, money = _used(reserved)
    Reservation.objects.filter(pk=reserved.pk).delete()
    place = Spending.objects.filter(key=reserved.key, day=reserved.day)
    amounts = {"runs": reserved.runs, "tokens": tokens, "money": money}
    added = {name: F(name) + amount for name, amount in amounts.items()}
    if not place.update(**added):
        # Two that end at the same time may both find nothing: then one waits here, and both add.
        Spending.objects.bulk_create([Spending(key=reserved.key, day=reserved.day)], ignore_conflicts=True)
        place.update(**added)


def _used(reserved: Reservation) -> tuple[int, int]:
    """(tokens, money) that its runs say they used. One that worked and did not say counts with all that was reserved:
    a program that was killed before it could tell may have used that.
    """
    if reserved.workspace_id is None:
        return 0, 0
    runs = AgentRun.objects.filter(
        agent__workspace=reserved.workspace_id, started_at__gte=reserved.taken_at, began_at__isnull=False
    )
    told = list(runs.values_list("agent__profile__runtime", "tokens", "money"))
    silent = [(tokens, money) for runtime, tokens, money in told if not _is_free(runtime)]
    return (
        _total([tokens for _, tokens, _ in told], [tokens for tokens, _ in silent], reserved.tokens),
        _total([money for _, _, money in told], [money for _, money in silent], reserved.money),
    )


def _total(told: Sequence[int | None], owed: Sequence[int | None], reserved: int | None) -> int:
    """What was told, and all that was reserved where one that owed a figure told none."""
    used = sum(amount or 0 for amount in told)
    return max(used, reserved or 0) if None in owed else used


def _is_free(runtime: str) -> bool:
    return runtime in runtimes and runtimes.get(runtime).is_free
