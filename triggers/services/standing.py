"""Where a trigger stands: active, shadow, paused, disabled, deleted. Each change is seen by every decision after it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from agents.budget import BudgetBounds
from agents.services.admission import lock_capacity, set_budget, unpark
from dct_site.kernel import moves
from triggers.enums import ExecutionStatus, TriggerStatus
from triggers.models import Execution, Trigger, TriggerStanding
from triggers.services import executions, generation
from triggers.services.execution_start import start_key
from triggers.services.watches import end_watches


class NotPublished(Exception):
    """The trigger has no published revision, so there is nothing that could decide."""

    def __init__(self) -> None:
        super().__init__("Nothing of this trigger is published yet. Publish it first.")


def pause(*, trigger: Trigger, by: Actor, now: datetime, reason: str = "") -> Trigger:
    """It goes on deciding, but answers `suppressed: paused`; after the commit nothing of it starts.

    Pausing a paused or disabled one changes nothing. Raises NotPublished.
    """
    return _stand(trigger, TriggerStatus.PAUSED, by=by, now=now, reason=reason)


def resume(*, trigger: Trigger, by: Actor, now: datetime) -> Trigger:
    """As it was before the pause: active, or shadow. One that is not paused stays as it is."""
    if _fresh(trigger).status != TriggerStatus.PAUSED:
        return _copy(trigger)
    before = TriggerStanding.objects.filter(trigger=trigger).exclude(status=TriggerStatus.PAUSED).first()
    was_shadow = before is not None and before.status == TriggerStatus.SHADOW
    return _stand(trigger, TriggerStatus.SHADOW if was_shadow else TriggerStatus.ACTIVE, by=by, now=now)


def activate(*, trigger: Trigger, by: Actor, now: datetime) -> Trigger:
    """It decides and acts. Raises NotPublished."""
    return _stand(trigger, TriggerStatus.ACTIVE, by=by, now=now)


def shadow(*, trigger: Trigger, by: Actor, now: datetime) -> Trigger:
    """It decides and records, but does not act. Raises NotPublished."""
    return _stand(trigger, TriggerStatus.SHADOW, by=by, now=now)


def disable(*, trigger: Trigger, by: Actor, now: datetime, reason: str = "") -> Trigger:
    """It is no longer asked."""
    return _stand(trigger, TriggerStatus.DISABLED, by=by, now=now, reason=reason)


def delete_trigger(*, trigger: Trigger, by: Actor, now: datetime) -> Trigger:
    """Hide and disable it and cancel what is queued. Its revisions, decisions and executions stay; what runs goes on.

    Each queued execution is cancelled on its own, after the deletion: where that is cut short, the others are held
    until they expire.
    """
    with transaction.atomic():
        disable(trigger=trigger, by=by, now=now, reason="It was deleted.")
        changed = Trigger.objects.filter(pk=trigger.pk, deleted_at=None).update(deleted_at=now, updated_at=now)
        if changed:
            trigger.deleted_at = now
            set_budget(key=start_key(trigger.pk), bounds=BudgetBounds(), now=now)
            audit.record(by=by, action="trigger.deleted", obj=trigger, now=now)
    for execution in Execution.objects.filter(trigger=trigger, status=ExecutionStatus.QUEUED).order_by("pk"):
        with suppress(executions.AlreadyOver):
            executions.cancel(execution=execution, by=by, now=now, reason="Its trigger was deleted.")
    return trigger


def set_standing(
    *, trigger: Trigger, to: TriggerStatus, at_generation: int, now: datetime, reason: str, by: Actor
) -> None:
    """Move a locked trigger (where it does move) and note how it stands from this generation on."""
    if trigger.status != to:
        is_pause = to == TriggerStatus.PAUSED
        told: dict[str, Any] = {
            "pause_reason": reason[:300] if is_pause else "",
            "paused_by": by.label[:150] if is_pause else "",
            "paused_at": now if is_pause else None,
        }
        moves.move(trigger, to, now=now, reason=reason, by=by.label, updated_at=now, **told)
        if to == TriggerStatus.ACTIVE:
            # What waited behind the pause goes back into the queue, or it would wait for the next sweep.
            unpark(key=start_key(trigger.pk), now=now)
    TriggerStanding.objects.update_or_create(
        trigger=trigger,
        generation=at_generation,
        defaults={"status": to, "revision_id": trigger.published_id, "at": now},
    )


_VERBS: Mapping[TriggerStatus, str] = {
    TriggerStatus.PAUSED: "trigger.paused",
    TriggerStatus.ACTIVE: "trigger.resumed",
    TriggerStatus.SHADOW: "trigger.shadowed",
    TriggerStatus.DISABLED: "trigger.disabled",
}


def _stand(trigger: Trigger, to: TriggerStatus, *, by: Actor, now: datetime, reason: str = "") -> Trigger:
    with transaction.atomic():
        row = _fresh(trigger)
        if row.status == to or (to == TriggerStatus.PAUSED and row.status == TriggerStatus.DISABLED):
            return _copy(trigger)
        # Lock order: generation, capacity, trigger. With the capacity in hand no admission is under way, so nothing
        # of this trigger starts after the commit.
        at_generation = generation.bump()
        lock_capacity()
        row = _fresh(trigger, lock=True)
        if row.published_id is None and to != TriggerStatus.DISABLED:
            raise NotPublished
        before = {"status": row.status}
        set_standing(
            trigger=row,
            to=to,
            at_generation=at_generation,
            now=now,
            reason=reason,
            by=by,
        )
        after = {"status": to.value, **({"reason": reason} if reason else {})}
        audit.record(by=by, action=_VERBS[to], obj=row, now=now, before=before, after=after)
    if to == TriggerStatus.DISABLED:
        end_watches(trigger=trigger, now=now)
    return _copy(trigger)


def _fresh(trigger: Trigger, *, lock: bool = False) -> Trigger:
    rows = Trigger.objects.select_for_update(of=("self",)) if lock else Trigger.objects
    return rows.get(pk=trigger.pk)


def _copy(trigger: Trigger) -> Trigger:
    """Bring the caller's object up to date and return it."""
    trigger.refresh_from_db()
    return trigger
