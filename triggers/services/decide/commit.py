"""Committing a plan: one short transaction that checks what the plan rests on and writes everything or nothing."""

from collections import Counter
from itertools import groupby

from django.db import transaction

from agents.services.admission import lock_capacity
from dct_site.kernel import journal
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.rows import append, insert, update
from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.enums import DeliveryStatus, Origin
from triggers.models import (
    DeliveryOutcome,
    SeenChange,
    Trigger,
)
from triggers.services import delivery_news, generation
from triggers.services.decide.answers import Planned
from triggers.services.decide.bounds import Work, hold_open, hold_queued, under_way
from triggers.services.decide.cooldown import last_event_ids
from triggers.services.decide.items import Slot
from triggers.services.decide.outcome import write_answers
from triggers.services.decide.past import newest
from triggers.services.decide.plan import Plan
from triggers.services.decide.read import Reading
from triggers.services.decide.sql import held_pending, held_versions, settle_pending, stored_changes
from triggers.services.delivery_news import Settled
from workspaces.models import ContextItem, ItemState


class Overtaken(Exception):
    """Something that the plan rests on has changed; it has to be made again."""


def commit(plan: Plan) -> None:
    """Write a plan. Raises Overtaken, and IntegrityError where somebody else wrote the same; then nothing is written.

    Lock order: generation, items, capacity (where something is taken out of the queue, or begins at another time),
    triggers by id, executions, watches.
    """
    with transaction.atomic():
        _check(plan)
        with journal.written_together():
            _write_items(plan)
            _write_events(plan)
            crashpoint("decide.events_written")
            _write_states(plan)
            write_answers(plan)
            plan.watches.write(plan.now)
            _settle_deliveries(plan)
        crashpoint("decide.before_commit")


def _check(plan: Plan) -> None:
    if generation.hold() != plan.generation:
        raise Overtaken("the generation has moved")
    wanted = {reading.delivery.pk for reading in plan.readings}
    if held_pending(wanted) != wanted:
        raise Overtaken("somebody else decides one of these deliveries")
    _check_items([slot for slot in plan.shelf.slots if slot.is_touched and not slot.is_new])
    _check_changes(plan)
    if any(answer.displaces or answer.replaces for _, answer in plan.fired) or plan.ledger.bounds.moved:
        lock_capacity()
    _lock_triggers(plan)
    _check_firings(plan)
    _check_bounds(plan)
    _check_history(plan)
    if not plan.watches.is_as_read():
        raise Overtaken("what a trigger watches has changed")


def _check_changes(plan: Plan) -> None:
    if stored_changes(_fresh_keys(plan)):
        raise Overtaken("somebody else reported one of these changes")


def _lock_triggers(plan: Plan) -> None:
    """One decider at a time says what is the case with a trigger that limits how often or how many, that counted or
    that watches.
    """
    looked_at = {*plan.ledger.trigger_ids, *plan.counting, *plan.watches.trigger_ids}
    if not looked_at:
        return
    # All that fire as well, or two deciders could take the rows of two triggers in two orders.
    triggers = {answer.candidate.id for _, answer in plan.fired} | looked_at
    list(Trigger.objects.select_for_update(no_key=True).filter(pk__in=triggers).order_by("pk").values_list("pk"))


def _check_firings(plan: Plan) -> None:
    for looked_at in (plan.ledger.cooldowns.read, plan.ledger.rates.read):
        if looked_at and last_event_ids(looked_at) != {key: at for key, at in looked_at.items() if at is not None}:
            raise Overtaken("a trigger with a cooldown or a rate fired meanwhile")


def _check_bounds(plan: Plan) -> None:
    if under_way(plan.ledger.bounds.trigger_ids) != plan.ledger.bounds.read:
        raise Overtaken("what a trigger with bounds has under way has changed")
    touched = {work.execution_id for work in _joined_or_displaced(plan) if work.execution_id is not None}
    if not hold_queued(touched):
        raise Overtaken("a queued execution that an event joins, or displaces, starts")
    replaced = [work.execution_id for _, answer in plan.fired for work in answer.replaces if work.execution_id]
    if not hold_open(replaced):
        raise Overtaken("an execution that an event replaces has ended")


def _joined_or_displaced(plan: Plan) -> list[Work]:
    works = [work for _, answer in plan.fired for work in answer.displaces]
    return works + [answer.joins for _, answer in plan.fired if answer.joins is not None]


def _check_history(plan: Plan) -> None:
    """Whoever brings an event that a trigger counts, and counts for that trigger too, has waited for its row. One that
    fires without counting (the rest of an ``any`` holds) waits for nobody: its event is counted from the next on.
    """
    if newest(plan.stored.read) != plan.stored.read:
        raise Overtaken("an event came that may count")


def _check_items(slots: list[Slot]) -> None:
    if not slots:
        return
    rested_on = {slot.row.pk: slot.base_version for slot in slots}
    if held_versions(rested_on) != rested_on:
        raise Overtaken("an item has moved")


def _fresh_keys(plan: Plan) -> dict[tuple[int, str], Planned]:
    return {(one.event.connection_id, one.event.change_key): one for one in plan.planned if one.event.change_key}


def _write_items(plan: Plan) -> None:
    touched = [slot for slot in plan.shelf.slots if slot.is_touched]
    known = [slot.row for slot in touched if not slot.is_new]
    for _, level in groupby((slot for slot in touched if slot.is_new), key=lambda slot: slot.depth):
        insert(_with_parent(slot) for slot in level)
    update(known, _MOVED)


_MOVED = ("state", "state_version", "upstream_version", "title", "url", "changed_at")


def _with_parent(slot: Slot) -> ContextItem:
    if slot.parent is not None:
        slot.row.parent = slot.parent.row
    return slot.row


def _write_events(plan: Plan) -> None:
    for one in plan.planned:
        one.event.item = one.slot.row if one.slot is not None else None
    insert(one.event for one in plan.planned)
    append(
        SeenChange,
        ("connection_id", "change_key", "event_id", "seen_at"),
        [(connection_id, key, one.event.pk, plan.now) for (connection_id, key), one in _fresh_keys(plan).items()],
    )


def _write_states(plan: Plan) -> None:
    append(
        ItemState,
        ("item_id", "version", "state", "changes", "upstream_version", "event_id", "trust_tier", "at"),
        [
            (
                slot.row.pk,
                step.version,
                step.state,
                step.changes,
                step.upstream_version,
                plan.planned[step.event_at].event.pk,
                step.trust_tier,
                plan.now,
            )
            for slot in plan.shelf.slots
            for step in slot.steps
        ],
    )


def _settle_deliveries(plan: Plan) -> None:
    counts = Counter(one.event.delivery_id for one in plan.planned)
    settled = [_settled(reading, plan) for reading in plan.readings]
    append(
        DeliveryOutcome,
        ("delivery_id", "status", "reason", "detail", "event_count", "decided_at"),
        [
            (one.delivery.pk, one.status, reading.refusal, one.detail, counts[one.delivery.pk], plan.now)
            for one, reading in zip(settled, plan.readings, strict=True)
        ],
    )
    delivery_news.tell(settled, at=plan.now)
    settle_pending([one.delivery.pk for one in settled])
    if any(one.delivery.origin == Origin.REPLAY for one in settled):
        # A bulk replay may wait for these answers before it asks about more.
        poke_on_commit(Topic.REPLAY)


def _settled(reading: Reading, plan: Plan) -> Settled:
    status = DeliveryStatus.REFUSED if reading.refusal else DeliveryStatus.DECIDED
    return Settled(reading.delivery, status, reading.detail or plan.details.get(reading.delivery.pk, ""))
