"""Changing how long records are kept, and taking away what is kept no longer."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from accounts.actor import Actor
from accounts.operations import Operation
from accounts.permissions import require_of
from accounts.services import audit
from agents.models import Agent, ConversationPart, ObsoleteAgentRecord, RecordRule
from agents.models.record import LONGEST_DAYS, MOST_BYTES, MOST_RECORDS
from agents.selectors.record_rules import Holding, Scope, going_by, holding_of, rule_of, rules
from agents.services.forgetting import forget_said
from agents.services.obsolete import parts_of_nobody
from agents.services.values import InvalidValue
from dct_site.kernel.edits import edit

BOUNDS = {"max_days": (1, LONGEST_DAYS), "max_count": (0, MOST_RECORDS), "max_bytes": (0, MOST_BYTES)}
WORDS = {"max_days": "Days", "max_count": "The number of records", "max_bytes": "Their size in bytes"}
BATCH = 20
"""Records in one transaction: the end of a conversation in each has 256 kB at most, before compression."""
PATIENCE_S = 1.0
"""Per call, so that the clock has time for the rest of its work."""
REST = timedelta(minutes=1)
"""From a round that found nothing more to the next look."""


def change_rule(
    *, scope: Scope, by: Actor, now: datetime, version: int | None = None, **values: int | None
) -> RecordRule:
    """Keep longer or shorter, more or fewer from now on. None: nothing is said here.

    What is over already is taken away by the clock's next rounds; that does not come back. Raises Denied, InvalidValue
    for an unknown name or a number out of bounds, EditConflict where somebody else changed it since ``version``.
    """
    require_of(by, Operation.SET_LIMITS)
    _check(values)
    with transaction.atomic():
        found = rule_of(scope)
        row, _ = RecordRule.objects.get_or_create(
            is_default=found.is_default, workspace=found.workspace, template=found.template
        )
        changed = {name: value for name, value in values.items() if getattr(row, name) != value}
        before = {name: getattr(row, name) for name in changed}
        edit(row, version=version, **changed, swept_at=None)
        # A round that found nothing under the old rule says nothing about the new one.
        RecordRule.objects.filter(is_default=True).update(swept_at=None)
        if changed:
            audit.record(by=by, action="record_rule.changed", obj=row, now=now, before=before, after=changed)
    return row


def preview(*, scope: Scope, now: datetime, **values: int | None) -> Holding:
    """What would go at once if the rule were changed like this; nothing is written. Raises InvalidValue."""
    _check(values)
    rule = rule_of(scope)
    for name, value in values.items():
        setattr(rule, name, value)
    return holding_of(rule, now=now)


def pin(*, record: ObsoleteAgentRecord, by: Actor, now: datetime) -> bool:
    """It stays, whatever the rules say (erasing takes it all the same). False where it was pinned, or is gone."""
    return _pin(record, by=by, now=now, pinned_at=now, pinned_by=by.label[:150])


def unpin(*, record: ObsoleteAgentRecord, by: Actor, now: datetime) -> bool:
    """The rules hold for it again. False where it was not pinned."""
    return _pin(record, by=by, now=now, pinned_at=None, pinned_by="")


def purge_records(*, now: datetime) -> int:
    """Take away what the rules no longer keep, for a second at most; returns how many records that were.

    Called by the clock; it looks once in REST, and goes on at once while there is more. Of a record stays who, when and
    why; what its agent said goes with it. Killed anywhere, the next round goes on.
    """
    swept = RecordRule.objects.filter(is_default=True).values_list("swept_at", flat=True).first()
    if swept is not None and swept <= now < swept + REST:
        return 0
    until, gone = time.monotonic() + PATIENCE_S, 0
    for ids in _batches(now):
        gone += _empty(ids, now)
        if time.monotonic() > until:
            return gone
    while ids := parts_of_nobody(BATCH):
        ConversationPart.objects.filter(pk__in=ids).delete()
    RecordRule.objects.update_or_create(is_default=True, defaults={"swept_at": now})
    return gone


def _batches(now: datetime) -> Iterator[Sequence[int]]:
    """Ids of records that go; those first that a round which was killed had begun with."""
    begun = ObsoleteAgentRecord.objects.filter(purged_at__isnull=False, stored_bytes__gt=0)
    while ids := list(begun.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield ids
    for rule in rules():
        for rows in going_by(rule, now=now):
            while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
                yield ids


def _empty(ids: Sequence[int], now: datetime) -> int:
    """First the records, so that no agent is restored from them any more; then what lies beside them."""
    with transaction.atomic():
        rows = ObsoleteAgentRecord.objects.filter(pk__in=ids, pinned_at=None)
        fresh = rows.filter(purged_at=None).update(
            conversation=b"", changes=None, changes_size=0, checkpoint={}, purged_at=now
        )
    emptied = ObsoleteAgentRecord.objects.filter(pk__in=ids, purged_at__isnull=False)
    agent_ids = list(emptied.values_list("agent_id", flat=True))
    forget_said(agent_ids=agent_ids)
    Agent.objects.filter(pk__in=agent_ids).exclude(checkpoint={}).update(checkpoint={})
    emptied.update(stored_bytes=0)
    return fresh


def _pin(record: ObsoleteAgentRecord, *, by: Actor, now: datetime, pinned_at: datetime | None, pinned_by: str) -> bool:
    require_of(by, Operation.CONTROL_AGENTS, record)
    with transaction.atomic():
        rows = ObsoleteAgentRecord.objects.filter(pk=record.pk, purged_at=None, pinned_at__isnull=pinned_at is not None)
        if not rows.update(pinned_at=pinned_at, pinned_by=pinned_by):
            return False
        record.pinned_at, record.pinned_by = pinned_at, pinned_by
        action = "obsolete_agent.pinned" if pinned_at is not None else "obsolete_agent.unpinned"
        audit.record(by=by, action=action, obj=record, now=now)
    return True


def _check(values: dict[str, int | None]) -> None:
    for name, value in values.items():
        if name not in BOUNDS:
            raise InvalidValue(name, "There is no such limit.")
        low, high = BOUNDS[name]
        if value is not None and (type(value) is not int or not low <= value <= high):
            raise InvalidValue(name, f"{WORDS[name]} must be a whole number from {low:,} to {high:,}.")
