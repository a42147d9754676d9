"""Asking for a start, and taking the wish back."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from agents.enums import Pool, StartStatus
from agents.models import StartRequest
from agents.selectors.turns import turn_key
from agents.services.admission.slots import conclude, let_in, release
from dct_site.kernel import moves, wake
from dct_site.kernel.rows import insert

OPEN = (StartStatus.WAITING, StartStatus.PARKED, StartStatus.ADMITTED)


def request_start(
    *,
    kind: str,
    subject_id: int,
    priority: int,
    now: datetime,
    agents: int = 1,
    workspaces: int = 1,
    concurrency_key: str = "",
    key_limit: int | None = None,
    per_hour: int | None = None,
    per_day: int | None = None,
    item_key: str = "",
    item_limit: int | None = None,
    connection_key: str = "",
    is_in_turn: bool = False,
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
    refs: Mapping[str, int] | None = None,
    is_resumed: bool = False,
    backlog_turn: int = 0,
) -> StartRequest:
    """Wish for capacity. One open wish per subject: asking again returns the one that is open.

    ``refs`` are ids that journal readers and holds may follow ({"trigger": 1, "execution": 2}).
    """
    wish = StartRequest(
        kind=kind,
        subject_id=subject_id,
        priority=priority,
        agents=agents,
        workspaces=workspaces,
        concurrency_key=concurrency_key,
        key_limit=key_limit,
        per_hour=per_hour,
        per_day=per_day,
        item_key=item_key,
        item_limit=item_limit,
        connection_key=connection_key,
        is_in_turn=is_in_turn,
        not_before=not_before,
        expires_at=expires_at,
        refs=dict(refs or {}),
        is_resumed=is_resumed,
        backlog_turn=backlog_turn,
        queued_at=now,
    )
    open_ones = StartRequest.objects.filter(kind=kind, subject_id=subject_id, status__in=OPEN)
    with transaction.atomic():
        already = open_ones.first()
        if already is not None:
            return already
        try:
            with transaction.atomic():
                wish.save()
        except IntegrityError:  # somebody asked for it between the look and the write
            return open_ones.get()
        moves.born(wish, now=now)
        wake.poke_on_commit(wake.Topic.ADMIT)
    return wish


def request_starts(*, wishes: Sequence[StartRequest], now: datetime) -> list[StartRequest]:
    """Wish for capacity for many subjects at once that nobody can have asked for before (rows of this transaction)."""
    # No savepoint: what fails here fails the caller's transaction.
    with transaction.atomic(savepoint=False):
        made = insert(wishes)
        moves.born(*made, now=now)
        wake.poke_on_commit(wake.Topic.ADMIT)
    return made


def cancel_start(*, start: StartRequest, now: datetime, reason: str, by: str = moves.SYSTEM) -> None:
    """Take a wish back: one that waits ends, one that was admitted gives all its slots back. Safe to repeat."""
    with transaction.atomic():
        start = StartRequest.objects.select_for_update().get(pk=start.pk)
        if start.status in (StartStatus.WAITING, StartStatus.PARKED):
            moves.move(start, StartStatus.CANCELLED, now=now, reason=reason, by=by)
            if start.is_in_turn:
                let_in([turn_key(start)], now=now)
        elif start.status == StartStatus.ADMITTED:
            for pool in Pool:
                release(start=start, pool=pool, now=now)
            conclude(start=start, now=now)  # one that asked for no slot
