"""How each guard of deciding, launching and running is taken out, for the length of a block."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from django.db import transaction

from agents.models import AgentRun
from agents.selectors.gate import Gate
from agents.services import batches, fence
from dct_site.engine import tick, work
from dct_site.kernel import moves, rows
from dct_site.kernel.moves import Machine
from tests.promises.taken_out import Out, together
from triggers.models import Execution
from triggers.services.decide import changes as decide_changes
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import judge as decide_judge
from triggers.services.decide import outcome as decide_outcome
from triggers.services.decide import plan as decide_plan
from triggers.services.decide import sql as decide_sql
from triggers.services.intake_sql import PostgresStatements, Statements
from triggers.services.launch import admitted as launch
from triggers.services.launch import lease as launch_lease

# Deciding and launching


def looking_for_what_was_reported() -> Out:
    return together(
        patch.object(decide_plan, "seen_before", lambda readings: {}),
        patch.object(decide_changes, "stored_changes", lambda keys: {}),
    )


def claiming_deliveries() -> Out:
    def settle(plan: Any) -> None:
        decide_sql.settle_pending([reading.delivery.pk for reading in plan.readings])

    return together(
        patch.object(decide_commit, "held_pending", set),
        patch.object(decide_commit, "_settle_deliveries", settle),
    )


def the_deciders_transaction() -> Out:
    return patch.object(decide_commit, "transaction", SimpleNamespace(atomic=nullcontext))


def adding_work() -> Out:
    return together(
        patch.object(Statements, "add_pending", lambda self, ids: None), patch.object(PostgresStatements, "WORK", "")
    )


def the_end_of_leases() -> Out:
    def never_leased(now: Any) -> Any:
        return Execution.objects.filter(lease_until=None, status="starting")

    return together(
        patch.object(launch, "claimable", never_leased), patch.object(launch_lease, "claimable", never_leased)
    )


def sweeping() -> Out:
    return patch.object(work, "SWEEP_S", 3600.0)


def the_clocks_pokes() -> Out:
    return patch.object(tick, "SWEPT", ())


# Cooldowns, queues and turns


def looking_for_who_fired() -> Out:
    return patch.object(decide_commit, "_check_firings", lambda plan: None)


def putting_off() -> Out:
    return patch.object(decide_judge, "delayed_until", lambda given: None)


def looking_at_what_is_under_way() -> Out:
    return patch.object(decide_commit, "_check_bounds", lambda plan: None)


def replacing_in_one_transaction() -> Out:
    replace = decide_outcome._replace

    def afterwards(plan: Any, ids: Any) -> None:
        transaction.on_commit(lambda: replace(plan, ids))

    return patch.object(decide_outcome, "_replace", afterwards)


def the_turns() -> Out:
    return patch.object(Gate, "_turn", lambda self, start: None)


# Attempts and endings


def _held(**conditions: Any) -> Any:
    def hold(run_ids: Any, *, owner: str, now: Any) -> dict[int, AgentRun]:
        return {run.pk: run for run in AgentRun.objects.filter(pk__in=run_ids, **conditions)}

    return hold


def the_fence() -> Out:
    return patch.object(batches, "hold_runs", _held())


def the_fences_lease() -> Out:
    return patch.object(batches, "hold_runs", _held(status__in=fence.ALIVE))


def the_launchs_epoch() -> Out:
    def hold(self: launch_lease.Lease) -> Execution:
        return Execution.objects.get(pk=self.execution_id)

    return patch.object(launch_lease.Lease, "hold", hold)


def the_table_of_moves() -> Out:
    return patch.object(Machine, "allows", lambda self, came_from, to: True)


def comparing_before_swapping() -> Out:
    swap = rows.swap

    def without_looking(row: Any, values: Any, *, where: Mapping[str, Any]) -> bool:
        return swap(row, values, where={name: value for name, value in where.items() if name != "status"})

    return patch.object(moves, "swap", without_looking)


@contextmanager
def ends_without_exits() -> Iterator[None]:
    """A table that somebody added a way back to."""
    table = dict(Execution.MOVES.moves)
    more = {**table, "failed": frozenset({"queued"})}
    with patch.object(Machine, "allows", lambda self, came_from, to: to in more.get(came_from, ())):
        yield
