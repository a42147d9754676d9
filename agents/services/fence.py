"""The fence: what a run writes counts only while it is the agent's run alive, of this owner, under a lease that holds.

Every write of a run takes its row first, so that a supervisor that was stopped and woke up again is refused.
"""

from collections.abc import Collection
from datetime import datetime

from agents.enums import RunStatus
from agents.models import AgentRun

ALIVE = (RunStatus.STARTING, RunStatus.RUNNING, RunStatus.STOPPING)


class Fenced(Exception):
    """The run is no longer the agent's: its lease ran out or another run took over. Its process must die."""


def hold_run(run_id: int, *, owner: str, now: datetime) -> AgentRun:
    """The run's row, locked, with its agent. Raises Fenced."""
    run = (
        AgentRun.objects.select_for_update(of=("self",))
        .select_related("agent__profile", "agent__workspace", "agent__start")
        .filter(pk=run_id, owner=owner, status__in=ALIVE, lease_until__gt=now)
        .first()
    )
    if run is None:
        raise Fenced(f"run {run_id} is not {owner}'s any more")
    return run


def hold_runs(run_ids: Collection[int], *, owner: str, now: datetime) -> dict[int, AgentRun]:
    """Those of the runs that still count, locked in the order of their ids."""
    rows = AgentRun.objects.select_for_update(of=("self",)).filter(
        pk__in=run_ids, owner=owner, status__in=ALIVE, lease_until__gt=now
    )
    return {run.pk: run for run in rows.order_by("pk")}
