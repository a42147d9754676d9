"""The clock: what is due becomes an event, once for each slot, by the one intake.

Claimed by state: the schedule's mark moves, the slot's row goes in, and the delivery that brings its event, in one
transaction. Who is killed anywhere leaves all of it or nothing; of two clocks the second finds the mark moved, and the
slot's row is unique. Only the index on what is due is looked at, however many schedules there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.enums import Source
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.rows import insert, update
from triggers.enums import Origin, SlotStatus
from triggers.models import Schedule, ScheduleSlot
from triggers.schedules.misfires import Misfire, Settled, settle
from triggers.schedules.plan import Due
from triggers.schedules.settings import FIELDS
from triggers.schedules.slots import Mark
from triggers.services import generation
from triggers.services.intake import Incoming, accept
from triggers.services.keeping.retention import connections_by_days
from triggers.services.schedules import plan_of
from triggers.sources.schedule.body import SlotBody
from workspaces.enums import TrustTier

BATCH = 100
"""Schedules per transaction: it must not hold SQLite's write lock for longer than 20 ms."""
MOST_EVENTS = 200
"""Per transaction, where some catch up."""
BATCHES = 100
"""Per call, so that the caller has time for other things."""
LATE = "Nobody looked at the clock when it was due, and its schedule makes up for {}."
OFF = "Its connection is switched off."
_POLICY = {Misfire.SKIP: "none", Misfire.RUN_ONCE: "one", Misfire.CATCH_UP: "up to {}"}
_READ = (
    *FIELDS,
    *("anchor_at", "mark_at", "mark_key", "version", "listener__connection__is_enabled"),
    *("listener__item__external_key", "listener__item__title"),
)
"""What is looked at; a row is a third cheaper without the rest."""


@dataclass(frozen=True)
class _Step:
    """What is to be done with a schedule as it was read."""

    row: Schedule
    settled: Settled
    is_off: bool

    @property
    def seen(self) -> tuple[datetime, str, int]:
        return self.row.mark_at, self.row.mark_key, self.row.version

    @property
    def next_at(self) -> datetime | None:
        return self.settled.next_due.fires_at if self.settled.next_due is not None else None

    @property
    def fires(self) -> Sequence[Due]:
        return () if self.is_off else self.settled.fires

    @property
    def missed(self) -> Sequence[Due]:
        return [*self.settled.missed, *self.settled.fires] if self.is_off else self.settled.missed


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


def _steps(now: datetime) -> list[_Step]:
    """What to do with those that are due; read and thought out before the transaction."""
    rows = Schedule.objects.filter(next_at__lte=now).order_by("next_at", "pk")
    found: list[_Step] = []
    events = 0
    rows = rows.select_related("listener__connection", "listener__item").only(*_READ).prefetch_related("calendars")
    for row in rows[:BATCH]:
        settled = settle(
            plan_of(row, row.calendars.all()),
            Mark(row.mark_at, row.mark_key),
            now=now,
            misfire=Misfire(row.misfire),
            grace=timedelta(seconds=row.grace_s),
            catch_up=row.catch_up,
        )
        found.append(_Step(row, settled, is_off=not row.listener.connection.is_enabled))
        events += len(settled.fires)
        if events >= MOST_EVENTS:
            break
    return found


def _take(steps: Sequence[_Step], now: datetime) -> None:
    with transaction.atomic():
        # Lock order: the generation first, which the intake takes too.
        generation.hold()
        held = _held(steps)
        mine = [step for step in steps if held.get(step.row.pk) == step.seen]
        crashpoint("clock.held")
        fired = _unsettled([(step, due) for step in mine for due in step.fires])
        receipts = accept([_incoming(step, due, now) for step, due in fired])
        crashpoint("clock.accepted")
        slots = [
            _fired(step, due, receipt.delivery_id, now) for (step, due), receipt in zip(fired, receipts, strict=True)
        ]
        insert(slots)
        ScheduleSlot.objects.bulk_create((_missed(step, now) for step in mine if step.missed), ignore_conflicts=True)
        crashpoint("clock.slots_written")
        _move_on(mine)
        crashpoint("clock.before_commit")
    crashpoint("clock.committed")


def _held(steps: Sequence[_Step]) -> dict[int, tuple[datetime, str, int]]:
    """The marks as they are now, held to the end of the transaction. Whom another clock holds is left to it."""
    rows: QuerySet[Schedule] = Schedule.objects.filter(pk__in=[step.row.pk for step in steps], next_at__isnull=False)
    locked = rows.select_for_update(skip_locked=True, no_key=True).order_by("pk")
    return {
        pk: (at, key, version) for pk, at, key, version in locked.values_list("pk", "mark_at", "mark_key", "version")
    }


def _unsettled(fires: Sequence[tuple[_Step, Due]]) -> list[tuple[_Step, Due]]:
    """Without those that have a row already: a mark that was put back, as by a backup, fires nothing again."""
    ids = {step.row.pk for step, _ in fires}
    since = min((due.slot.at for _, due in fires), default=None)
    known = set(
        ScheduleSlot.objects.filter(Q(slot_at__gte=since), schedule__in=ids).values_list(
            "schedule_id", "slot_at", "key"
        )
        if since is not None
        else ()
    )
    return [(step, due) for step, due in fires if (step.row.pk, due.slot.at, due.slot.key) not in known]


def _move_on(steps: Sequence[_Step]) -> None:
    for step in steps:
        (step.row.mark_at, step.row.mark_key), step.row.next_at = step.settled.mark, step.next_at
    update((step.row for step in steps), ("mark_at", "mark_key", "next_at"))


def _fired(step: _Step, due: Due, delivery_id: int, now: datetime) -> ScheduleSlot:
    return ScheduleSlot(
        schedule=step.row,
        slot_at=due.slot.at,
        key=due.slot.key,
        status=SlotStatus.FIRED,
        is_made_up=due.slot.key in step.settled.late,
        last_at=due.slot.at,
        delivery_id=delivery_id,
        settled_at=now,
    )


def _missed(step: _Step, now: datetime) -> ScheduleSlot:
    first, last = step.missed[0].slot, step.missed[-1].slot
    policy = _POLICY[Misfire(step.row.misfire)].format(step.row.catch_up)
    return ScheduleSlot(
        schedule=step.row,
        slot_at=first.at,
        key=first.key,
        status=SlotStatus.MISSED,
        count=len(step.missed),
        last_at=last.at,
        reason=OFF if step.is_off else LATE.format(policy),
        settled_at=now,
    )


def _incoming(step: _Step, due: Due, now: datetime) -> Incoming:
    listener, slot = step.row.listener, due.slot
    assert listener.item is not None  # noqa: S101 - a schedule is made with its card
    body = SlotBody(
        schedule_id=step.row.pk,
        item_key=listener.item.external_key,
        title=listener.item.title,
        slot=slot.key,
        due_at=slot.at,
        local=slot.wall.isoformat(timespec="minutes" if not slot.wall.second else "seconds"),
        timezone=step.row.timezone,
        is_made_up=slot.key in step.settled.late,
    )
    return Incoming(
        connection_id=listener.connection_id,
        source=Source.SCHEDULE,
        body=body.to_bytes(),
        received_at=now,
        origin=Origin.TIMER,
        delivery_key=f"schedule:{step.row.pk}:{slot.at.isoformat()}:{slot.key}",
        # Nobody outside has a word in it.
        trust_tier=TrustTier.ALLOWED,
    )
