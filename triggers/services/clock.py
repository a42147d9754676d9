"""The clock: what is due becomes an event, once for each slot, by the one intake.

Claimed by state: the schedule's mark moves, the slot's row goes in, and the delivery that brings its event, in one
transaction. Who is killed anywhere leaves all of it or nothing; of two clocks the second finds the mark moved, and the
slot's row is unique. Only the index on what is due is looked at, however many schedules there are.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from accounts.enums import Source
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.rows import append, update
from dct_site.kernel.rows.making import with_values
from triggers.enums import Origin, SlotStatus
from triggers.models import Schedule, ScheduleSlot
from triggers.services import due, due_sql, generation
from triggers.services.due import Ready, Step
from triggers.services.due_sql import Place
from triggers.services.intake import Incoming, accept
from triggers.services.keeping.retention import connections_by_days
from workspaces.enums import TrustTier

BATCH = 200
"""Schedules per transaction: it must not hold SQLite's write lock for longer than 20 ms."""
MOST_EVENTS = 200
"""Per transaction, where some catch up."""
BATCHES = 100
"""Per call, so that the caller has time for other things."""


def fire_due(*, now: datetime, batches: int = BATCHES) -> int:
    """Settle what is due, the longest overdue first; the number of schedules that were looked at.

    ``now`` is the database's clock. Safe to call from anywhere, any number of times at once.
    """
    done = 0
    for _ in range(batches):
        steps = _steps(now)
        if not steps:
            break
        done += len(steps)
        _take(steps, now)
        due.forget(steps)
    return done


def forget_slots(*, now: datetime, most: int = 500) -> int:
    """Delete up to ``most`` slots that are kept for as long as the events of their connection; a slot that is forgotten
    does not come again, for the schedule's mark stands behind it.
    """
    done = 0
    for days, connections in connections_by_days("events_days").items():
        old = ScheduleSlot.objects.filter(settled_at__lt=now - timedelta(days=days))
        ids = list(
            old.filter(schedule__listener__connection__in=connections)
            .order_by("settled_at")
            .values_list("pk", flat=True)[: most - done]
        )
        done += ScheduleSlot.objects.filter(pk__in=ids).delete()[0] if ids else 0
    return done


def _steps(now: datetime) -> list[Step]:
    """What to do with those that are due; read and thought out before the transaction."""
    return due.steps_due(now, most=BATCH, most_events=MOST_EVENTS)


def _take(steps: Sequence[Step], now: datetime) -> None:
    with transaction.atomic():
        # Lock order: the generation first, which the intake takes too.
        generation.hold()
        held = _held(steps)
        mine = [step for step in steps if held.get(step.seen.schedule_id) == _place_of(step)]
        crashpoint("clock.held")
        fired = _unsettled([(step, ready) for step in mine for ready in step.fires])
        receipts = accept([_incoming(step, ready, now) for step, ready in fired])
        crashpoint("clock.accepted")
        told = [
            _fired(step, ready, receipt.delivery_id, now)
            for (step, ready), receipt in zip(fired, receipts, strict=True)
        ]
        append(ScheduleSlot, _FIRED, told)
        ScheduleSlot.objects.bulk_create([_missed(step, now) for step in mine if step.missed], ignore_conflicts=True)
        crashpoint("clock.slots_written")
        _move_on(mine)
        crashpoint("clock.before_commit")
    crashpoint("clock.committed")


def _place_of(step: Step) -> Place:
    return step.seen.mark_at, step.seen.mark_key, step.seen.version


def _held(steps: Sequence[Step]) -> dict[int, Place]:
    """The marks as they are now, held to the end of the transaction. Whom another clock holds is left to it."""
    return due_sql.held([step.seen.schedule_id for step in steps])


def _unsettled(fires: Sequence[tuple[Step, Ready]]) -> list[tuple[Step, Ready]]:
    """Without those that have a row already: a mark that was put back, as by a backup, fires nothing again."""
    if not fires:
        return []
    since = min(ready.due.slot.at for _, ready in fires)
    known = due_sql.known_slots([step.seen.schedule_id for step, _ in fires], since)
    return [
        (step, ready)
        for step, ready in fires
        if (step.seen.schedule_id, ready.due.slot.at, ready.due.slot.key) not in known
    ]


def _move_on(steps: Sequence[Step]) -> None:
    moved = (
        with_values(
            Schedule,
            {"id": step.seen.schedule_id, "mark_at": step.mark.at, "mark_key": step.mark.key, "next_at": step.next_at},
        )
        for step in steps
    )
    update(moved, ("mark_at", "mark_key", "next_at"))


_FIRED = ("schedule_id", "slot_at", "key", "status", "is_made_up", "last_at", "delivery_id", "settled_at")


def _fired(step: Step, ready: Ready, delivery_id: int, now: datetime) -> tuple[object, ...]:
    at, key, _ = ready.due.slot
    return step.seen.schedule_id, at, key, SlotStatus.FIRED, ready.is_made_up, at, delivery_id, now


def _missed(step: Step, now: datetime) -> ScheduleSlot:
    first, last = step.missed[0].slot, step.missed[-1].slot
    return ScheduleSlot(
        schedule_id=step.seen.schedule_id,
        slot_at=first.at,
        key=first.key,
        status=SlotStatus.MISSED,
        count=len(step.missed),
        last_at=last.at,
        reason=step.reason,
        settled_at=now,
    )


def _incoming(step: Step, ready: Ready, now: datetime) -> Incoming:
    slot = ready.due.slot
    return Incoming(
        connection_id=step.seen.connection_id,
        source=Source.SCHEDULE,
        body=ready.body,
        body_hash=ready.body_hash,
        headers_json="{}",
        received_at=now,
        origin=Origin.TIMER,
        delivery_key=f"schedule:{step.seen.schedule_id}:{slot.at.isoformat()}:{slot.key}",
        # Nobody outside has a word in it.
        trust_tier=TrustTier.ALLOWED,
    )
