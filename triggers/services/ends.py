"""Ends an execution before its work is done: stops its agents, closes its workspace, gives its slots back."""

from datetime import datetime
from typing import Any

from accounts.actor import Actor
from accounts.services import audit
from agents.services import intents
from dct_site.kernel.crashpoints import crashpoint
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.services import steps
from triggers.services.execution_moves import go
from triggers.services.slots import give_back, open_agents
from workspaces.services import lifecycle

_SYSTEM = Actor.system()


def end(
    execution: Execution,
    status: ExecutionStatus,
    *,
    reason: str,
    now: datetime,
    by: Actor = _SYSTEM,
    **fields: Any,
) -> None:
    """Move an execution, locked in the caller's transaction, to ``failed``, ``cancelled`` or ``timed_out``.

    Its agents are told to stop in the same transaction; a slot is given back when the last process has ended.
    Raises LostRace or IllegalMove where it has ended already.
    """
    go(
        execution,
        status,
        now=now,
        reason=reason,
        by=by.label,
        attention="",
        lease_owner="",
        lease_until=None,
        ended_at=now,
        **fields,
    )
    steps.end_attempt(execution, at=now, outcome=status, error=reason)
    steps.break_off(execution, at=now, error=reason)
    if execution.news is not None:
        intents.take_back(intent=execution.news, now=now)
    stop_agents(execution, reason=reason, by=by, now=now)
    if execution.workspace is not None:
        lifecycle.fail(workspace=execution.workspace, now=now, by=by.label, reason=reason)
    crashpoint("ends.before_slots")
    give_back(execution, now=now)


def hand_over(execution: Execution, *, to: Execution, now: datetime, by: Actor) -> None:
    """End one whose workspace another goes on in: that stays open, and so do those who work there. Joins the caller's
    transaction, which locked it. Raises LostRace or IllegalMove.
    """
    before, reason = execution.status, f"News came: execution {to.pk} goes on in its workspace."
    go(
        execution,
        ExecutionStatus.CANCELLED,
        now=now,
        reason=reason,
        by=by.label,
        attention="",
        lease_owner="",
        lease_until=None,
        ended_at=now,
        replaced_by=to,
    )
    steps.end_attempt(execution, at=now, outcome=ExecutionStatus.CANCELLED, error=reason)
    steps.break_off(execution, at=now, error=reason)
    after = {"status": execution.status, "reason": reason, "replaced_by": to.pk}
    audit.record(by=by, action="execution.cancelled", obj=execution, now=now, before={"status": before}, after=after)


def stop_agents(execution: Execution, *, reason: str, by: Actor, now: datetime) -> None:
    """Ask for the end of every agent that has a process or waits for one, or for an answer."""
    for agent in open_agents(execution):
        intents.stop(agent=agent, by=by, now=now, reason=reason)
