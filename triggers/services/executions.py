"""What a person does to an execution: cancel it, give it more time, try it again."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from agents.services import admission
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.services import ends
from triggers.services.intake import Receipt
from triggers.services.replays.event import replay
from triggers.services.slots import give_back_everything


class AlreadyOver(Exception):
    """The execution has ended; what ended stays as it is."""

    def __init__(self, execution: Execution) -> None:
        word = ExecutionStatus(execution.status).label.lower()
        super().__init__(f"This execution is over ({word}). Retry it to run the event again.")
        self.execution = execution


class NotOver(Exception):
    """The execution still goes on."""

    def __init__(self) -> None:
        super().__init__("This execution still goes on. Cancel it first, or wait for its end.")


class BadDeadline(ValueError):
    """The new deadline is not in the future."""


def locked(execution: Execution) -> Execution:
    """The execution as it is now, locked in the caller's transaction. Raises AlreadyOver."""
    row = (
        Execution.objects.select_for_update(of=("self",))
        .select_related("workspace__template", "start", "revision", "trigger", "event", "news")
        .get(pk=execution.pk)
    )
    if row.status in Execution.MOVES.terminal:
        raise AlreadyOver(row)
    return row


def cancel(
    *, execution: Execution, by: Actor, now: datetime, reason: str = "", replaced_by: Execution | None = None
) -> Execution:
    """End it wherever it is: a queued one leaves the queue, a running one's agents are stopped with all they started.

    ``replaced_by`` is what takes its place, where something does. Raises AlreadyOver. Its slots are given back when the
    last process has ended.
    """
    told = reason.strip() or f"Cancelled by {by.label}."
    with transaction.atomic():
        # The same order as in an admission (capacity, then the execution), so that the two never wait for each other.
        admission.lock_capacity()
        row = locked(execution)
        before = row.status
        if before == ExecutionStatus.QUEUED:
            give_back_everything(row, reason=told, now=now, by=by.label)
        links = {"replaced_by": replaced_by} if replaced_by is not None else {}
        ends.end(row, ExecutionStatus.CANCELLED, reason=told, now=now, by=by, **links)
        audit.record(
            by=by,
            action="execution.cancelled",
            obj=row,
            now=now,
            before={"status": before},
            after={"status": row.status, "reason": told, **{name: link.pk for name, link in links.items()}},
        )
    return row


def extend_deadline(*, execution: Execution, until: datetime, by: Actor, now: datetime) -> Execution:
    """Let it work, or wait for a person, until ``until``. Raises AlreadyOver and BadDeadline."""
    if until <= now:
        raise BadDeadline("Choose a deadline in the future.")
    with transaction.atomic():
        row = locked(execution)
        before = row.deadline_at
        Execution.objects.filter(pk=row.pk).update(deadline_at=until)
        row.deadline_at = until
        audit.record(
            by=by,
            action="execution.deadline_extended",
            obj=row,
            now=now,
            before={"deadline_at": before.isoformat() if before else None},
            after={"deadline_at": until.isoformat()},
        )
    return row


def retry(*, execution: Execution, by: Actor, now: datetime) -> Receipt:
    """Ask its trigger again about its event, as a replay that links to it; what ended stays as it is.

    Raises NotOver while it still goes on: two of one firing would work side by side.
    """
    row = Execution.objects.select_related("event", "trigger").get(pk=execution.pk)
    if row.status not in Execution.MOVES.terminal:
        raise NotOver
    return replay(event=row.event, trigger=row.trigger, by=by, now=now)
