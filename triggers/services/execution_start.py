"""What admission does to an execution: it starts, it is held back while its trigger is paused, or its time is over."""

from datetime import datetime, timedelta

from agents.models import StartRequest
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


def held_by_trigger(start: StartRequest) -> str:
    """Why the trigger behind a start of any kind holds it back; empty when it does not (or there is none)."""
    trigger_id = start.refs.get("trigger")
    if trigger_id is None:
        return ""
    found = Trigger.objects.filter(pk=trigger_id).values_list("status", "deleted_at").first()
    if found is None or found[1] is not None:
        return "its trigger was deleted"
    return _HELD.get(TriggerStatus(found[0]), "")
