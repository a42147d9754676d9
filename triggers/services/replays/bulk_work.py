"""Working bulk replays off: a few rows at a time, never more under way than was asked for, each exactly once.

A slice is one short transaction: what came in again, how far the bulk is, and what is no longer under way stand
together or not at all. A kill anywhere is gone on from; two workers at once are told apart by the bulk's cursor.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef

from accounts.actor import Actor
from accounts.operations import Operation
from accounts.permissions import may
from accounts.services import audit
from agents.enums import Rung
from agents.selectors.overload import rung_now
from dct_site.kernel import journal, moves
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.moves import IllegalMove, LostRace
from triggers.enums import BulkKind, BulkStatus, RevisionChoice
from triggers.models import BulkReplay, Delivery, Event, PendingDelivery, Replay
from triggers.services.intake import Incoming, accept
from triggers.services.keeping.purging import busy_events
from triggers.services.keeping.tombstones import INPUTS_PURGED
from triggers.services.replays import delivery as redelivery
from triggers.services.replays.bulk import pause
from triggers.services.replays.bulk_wish import deliveries_left, events_left
from triggers.services.replays.event import Manner, incoming_of, note_of, order_of

log = structlog.get_logger(__name__)

SYSTEM = Actor.system("replay")
SLICE = 20
"""Rows looked at for one transaction."""
SLICE_BYTES = 128 * 1024
"""Of bodies in one transaction: it must not hold SQLite's write lock for longer than 20 ms."""


@dataclass
class _Slice:
    """What one transaction writes: deliveries with what stands beside each, why others were left, and how far it is."""

    after_id: int
    incoming: list[tuple[Incoming, Replay]] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)
    size: int = 0

    def add(self, incoming: Incoming, note: Replay) -> None:
        """One that comes in again."""
        self.incoming.append((incoming, note))
        self.size += len(incoming.body)

    @property
    def seen(self) -> int:
        return len(self.incoming) + self.skips.total()


def replay_some(*, now: datetime) -> int:
    """A slice of every bulk replay that runs; the number of rows that were done. Safe to call from anywhere, any number
    of times at once.
    """
    if rung_now(now) >= Rung.BULK_STOPS:
        return 0
    running = BulkReplay.objects.filter(status=BulkStatus.RUNNING).select_related("created_by", "trigger__published")
    return sum(_go_on(bulk, now) for bulk in running.order_by("pk"))


def _go_on(bulk: BulkReplay, now: datetime) -> int:
    try:
        if problem := _rights_problem(bulk):
            pause(bulk=bulk, by=SYSTEM, now=now, reason=problem)
            return 0
        return _work(bulk, now)
    except (LostRace, IllegalMove, IntegrityError) as other:
        # Somebody else was quicker, or it was stopped: whoever comes next looks again.
        log.info("bulk_replay.overtaken", bulk=bulk.pk, why=str(other))
    except (OperationalError, InterfaceError):
        raise
    except Exception as wrong:
        # One that cannot go on must not hold up the others.
        log.exception("bulk_replay.failed", bulk=bulk.pk)
        words = f"It could not go on after {bulk.after_id} ({type(wrong).__name__}). Look into the log, then go on."
        with suppress(LostRace, IllegalMove):
            pause(bulk=bulk, by=SYSTEM, now=now, reason=words)
    return 0


def _rights_problem(bulk: BulkReplay) -> str:
    """Why it may no longer be done in its owner's name, as a sentence."""
    owner = bulk.created_by
    allowed = may(owner, Operation.FIRE, bulk.trigger)
    return "" if allowed else f"{owner.get_username()}, who started it, may no longer replay: {allowed.detail}"


def _work(bulk: BulkReplay, now: datetime) -> int:
    over = _over(bulk)
    under_way = Replay.objects.filter(bulk=bulk, is_under_way=True).count() - len(over)
    free = bulk.concurrency - under_way
    wanted = _prepare(bulk, min(free, SLICE), now) if free > 0 else _Slice(bulk.after_id)
    is_done = not wanted.seen and not under_way and free > 0
    if not wanted.seen and not over and not is_done:
        return 0
    with transaction.atomic():
        _write(bulk, wanted, over, now)
        if is_done:
            moves.move(bulk, BulkStatus.DONE, now=now, ended_at=now)
            after = {"replayed": bulk.replayed, "skipped": bulk.skipped}
            audit.record(by=SYSTEM, action="bulk_replay.done", obj=bulk, now=now, after=after)
        crashpoint("bulk_replay.before_commit")
    crashpoint("bulk_replay.committed")
    return wanted.seen


def _over(bulk: BulkReplay) -> list[int]:
    """The deliveries of the bulk that are decided, and whose executions have ended."""
    pending = Exists(PendingDelivery.objects.filter(delivery=OuterRef("delivery_id")))
    busy = Exists(Event.objects.filter(busy_events("pk"), delivery_id=OuterRef("delivery_id")))
    rows = Replay.objects.filter(~pending, ~busy, bulk=bulk, is_under_way=True)
    return list(rows.values_list("delivery_id", flat=True))


def _prepare(bulk: BulkReplay, most: int, now: datetime) -> _Slice:
    """Outside the transaction: read, verify, write out."""
    wanted = _Slice(bulk.after_id)
    manner = Manner(revision=RevisionChoice(bulk.revision), is_draft=bulk.is_draft, priority=bulk.priority)
    add = _add_event if bulk.kind == BulkKind.EVENTS else _add_delivery
    for row in _rows(bulk, most):
        if wanted.size > SLICE_BYTES:
            break
        add(wanted, bulk, row, manner, now)
        wanted.after_id = row.pk
    return wanted


def _rows(bulk: BulkReplay, most: int) -> Sequence[Any]:
    rows: Any = events_left if bulk.kind == BulkKind.EVENTS else deliveries_left
    return list(rows(bulk, user=bulk.created_by)[:most])


def _add_event(wanted: _Slice, bulk: BulkReplay, row: Event, manner: Manner, now: datetime) -> None:
    if row.purged_at is not None:
        wanted.skips[INPUTS_PURGED] += 1
        return
    order = order_of(row, trigger=bulk.trigger, token=f"bulk-{bulk.pk}")
    wanted.add(incoming_of(order, row, now), note_of(0, row, manner=manner))


def _add_delivery(wanted: _Slice, bulk: BulkReplay, row: Delivery, manner: Manner, now: datetime) -> None:  # noqa: ARG001
    try:
        proven = redelivery.prove(row, now=now)
    except redelivery.NotReplayable as still:
        wanted.skips[still.code] += 1
        return
    wanted.add(redelivery.incoming_of(proven, now), redelivery.note_of(0, row, manner=manner))


def _write(bulk: BulkReplay, wanted: _Slice, over: Sequence[int], now: datetime) -> None:
    receipts = accept([incoming for incoming, _ in wanted.incoming]) if wanted.incoming else []
    notes: list[Replay] = []
    for receipt, (_, note) in zip(receipts, wanted.incoming, strict=True):
        if receipt.duplicate:
            wanted.skips["taken_already"] += 1
            continue
        note.delivery_id, note.bulk, note.is_under_way = receipt.delivery_id, bulk, True
        notes.append(note)
    Replay.objects.bulk_create(notes)
    Replay.objects.filter(pk__in=over).update(is_under_way=False)
    moved = {
        "after_id": wanted.after_id,
        "replayed": bulk.replayed + len(notes),
        "skipped": bulk.skipped + wanted.skips.total(),
        "skips": dict(Counter(bulk.skips) + wanted.skips),
    }
    rows = BulkReplay.objects.filter(pk=bulk.pk, status=BulkStatus.RUNNING, after_id=bulk.after_id)
    if not rows.update(**moved):
        raise LostRace(f"bulk replay {bulk.pk} was gone on with by somebody else")
    for name, value in moved.items():
        setattr(bulk, name, value)
    if wanted.seen:
        line = journal.Line(
            "bulk_replay", bulk.pk, bulk.status, bulk.status, "", moves.SYSTEM, now, bulk.journal_refs()
        )
        journal.write(line)
