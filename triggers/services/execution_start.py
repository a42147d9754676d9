"""What admission does to an execution: it starts, it is held back while its trigger is paused, or its time is over."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.models import Connection
from agents.models import StartRequest
from agents.selectors.gate import connection_key, item_key
from agents.starts import Block
from triggers.documents import LimitsPart
from triggers.enums import ExecutionStatus, TriggerStatus
from triggers.models import Execution, Trigger
from triggers.services import steps
from triggers.services.execution_moves import go

EXECUTION_START = "execution"
DEADLINE_S = 3600

_HELD = {
    TriggerStatus.PAUSED: "its trigger is paused",
    TriggerStatus.SHADOW: "its trigger is in shadow mode",
    TriggerStatus.DISABLED: "its trigger is disabled",
}


def start_key(trigger_id: int) -> str:
    """The key under which the starts of one trigger are counted and parked."""
    return f"trigger:{trigger_id}"


def asked_by(
    execution: Execution, *, limits: LimitsPart, connection_id: int, is_apart: bool = False, looks_first: bool = False
) -> dict[str, Any]:
    """What the start of an execution says of its keys and limits, for a ``StartRequest`` of it. ``is_apart``: it waits
    for a review that somebody asked for, and nobody waits for it. ``looks_first``: it asks for no slot before it knows
    that no agent at work takes it, so that it does not wait behind the one that it would be given to.
    """
    item_id = execution.item_id_at_start
    return {
        "agents": 0 if looks_first else 1,
        "workspaces": 0 if looks_first else 1,
        "concurrency_key": start_key(execution.trigger_id),
        "key_limit": limits.max_concurrent,
        "per_hour": limits.max_per_hour,
        "per_day": limits.max_per_day,
        "item_key": item_key(item_id) if item_id is not None else "",
        "item_limit": limits.max_concurrent_per_item if item_id is not None else None,
        "connection_key": connection_key(connection_id),
        "is_in_turn": limits.goes_in_turn and not is_apart,
        "refs": {**execution.journal_refs(), "connection": connection_id},
    }


class ExecutionStart:
    """The handler of starts of kind ``execution``; every call runs inside the admission's transaction."""

    def is_held(self, start: StartRequest) -> str:  # noqa: ARG002 - the port's shape
        """Nothing of its own: ``held_by_trigger`` is asked for every start."""
        return ""

    def on_admitted(self, start: StartRequest, now: datetime) -> None:
        """queued → starting, with a new attempt and, the first time, the deadline."""
        execution = Execution.objects.select_related("revision").get(pk=start.subject_id)
        go(
            execution,
            ExecutionStatus.STARTING,
            now=now,
            start=start,
            attempt=execution.attempt + 1,
            started_at=execution.started_at or now,
            deadline_at=now + work_time(execution),
            lease_owner="",
            lease_until=None,
        )
        steps.begin_attempt(execution, at=now)

    def on_expired(self, start: StartRequest, now: datetime) -> None:
        """queued → expired."""
        execution = Execution.objects.get(pk=start.subject_id)
        reason = "It waited longer than its trigger allows."
        if start.backlog_turn:
            reason += " Its event was old already: it stood in the backlog."
        go(execution, ExecutionStatus.EXPIRED, now=now, reason=reason, ended_at=now)
        steps.break_off(execution, at=now, error=reason)


def work_time(execution: Execution) -> timedelta:
    """How long the execution may be at work before it is timed out (``limits.deadline_s`` of its revision)."""
    limits = execution.revision.document.get("limits") or {}
    return timedelta(seconds=limits.get("deadline_s") or DEADLINE_S)


def held_by_trigger(wanted: Sequence[StartRequest]) -> dict[int, Block]:
    """What the triggers behind starts of any kind hold back, by primary key."""
    ids = {start.pk: trigger for start in wanted if (trigger := start.refs.get("trigger")) is not None}
    if not ids:
        return {}
    stored = _stored(Trigger, "status", set(ids.values()), "deleted_at IS NULL")
    reasons = dict.fromkeys(ids.values(), "its trigger was deleted")
    reasons |= {pk: _HELD.get(TriggerStatus(status), "") for pk, status in stored}
    return {pk: Block(start_key(trigger), reasons[trigger]) for pk, trigger in ids.items() if reasons[trigger]}


def payer_of_workspace(workspace_id: int) -> str:
    """The key of the trigger for whose execution the workspace was made; "" where it was made for none."""
    made_for = Execution.objects.filter(workspace=workspace_id).order_by("-id").values_list("trigger_id", flat=True)
    trigger_id = made_for.first()
    return start_key(trigger_id) if trigger_id is not None else ""


def _stored(model: type[Model], column: str, ids: Collection[int], where: str) -> list[tuple[int, str]]:
    """(primary key, a column) of those rows; past the ORM, for it is asked in every admission."""
    marks = ", ".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {column} FROM {model._meta.db_table} WHERE id IN ({marks}) AND {where}",  # noqa: S608 - names
            sorted(ids),
        )
        return list(cursor.fetchall())


def held_by_connection(wanted: Sequence[StartRequest]) -> dict[int, Block]:
    """What waits for a start because of an event of a connection that is paused, by primary key."""
    ids = {start.pk: source for start in wanted if (source := start.refs.get("connection")) is not None}
    if not ids:
        return {}
    names = dict(_stored(Connection, "name", set(ids.values()), "is_paused"))
    return {
        pk: Block(connection_key(source), f"its connection is paused: {names[source]}")
        for pk, source in ids.items()
        if source in names
    }
