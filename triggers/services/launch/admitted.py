"""Launches admitted executions: takes one at a time under a lease and prepares its workspace and its agent."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from agents.services.succession import AgentGone
from dct_site.kernel.about import about
from dct_site.kernel.moves import LostRace
from triggers.models import Execution
from triggers.services.launch import at_work
from triggers.services.launch import ends as launch_ends
from triggers.services.launch import steps as launch_steps
from triggers.services.launch.checks import CannotLaunch
from triggers.services.launch.lease import Lease, claimable
from triggers.services.launch.matching import Matching, look
from triggers.services.stopwatch import Stopwatch
from workspaces import files
from workspaces.services.clone import TemplateGone

log = structlog.get_logger(__name__)

# A launch that kills its launcher each time must end too (promise 13); a few are only the launcher's own bad luck.
MOST_TAKEOVERS = 10
FULL = "The disk of the data directory is nearly full. Free some space; the launch goes on by itself."


def launch_some(*, owner: str, now: datetime, limit: int = 10) -> int:
    """Launch up to ``limit`` executions that nobody is launching; returns how many this call took on.

    ``owner`` names the launcher (one per process and thread). A launch that was cut off is taken on again when its
    lease is over; a second launcher never does a step twice to any effect.
    """
    watch = Stopwatch(now)
    waiting = list(claimable(now).values_list("pk", flat=True)[:limit])
    return sum(_launch(execution_id, owner=owner, watch=watch) for execution_id in waiting)


def _launch(execution_id: int, *, owner: str, watch: Stopwatch) -> bool:
    """Whether it was taken on."""
    execution = launch_steps.read(execution_id)
    with about(execution=execution.pk, trigger=execution.trigger_id):
        return _launch_about(execution, owner=owner, watch=watch)


def _launch_about(execution: Execution, *, owner: str, watch: Stopwatch) -> bool:
    # What can be said before the lease is found out before it, and told under it: who has no lease has no say.
    way: _Way | Exception
    try:
        way = _way_of(execution, watch.now())
    except Exception as failure:  # noqa: BLE001 - raised again below, where it is told
        way = failure
    known = None if isinstance(way, Exception) else way
    lease = launch_steps.take(
        execution,
        known.outline if known else None,
        matching=known.matching if known else None,
        owner=owner,
        now=watch.now(),
    )
    if lease is None:
        return False
    try:
        if not files.enough_space():
            raise files.NoSpace(FULL)
        if lease.takeovers >= MOST_TAKEOVERS:
            raise CannotLaunch(f"Whoever prepared it was cut off {lease.takeovers} times. Look into the log for why.")
        if isinstance(way, Exception):
            raise way
        _go(lease, execution, way)
    except LostRace:
        log.info("launch_lost", execution=lease.execution_id, owner=lease.owner)
    except files.NoSpace as full:
        _end(lease, full)
    except (CannotLaunch, TemplateGone) as final:
        _end(lease, final)
    except Exception as failure:
        log.exception("launch_failed", execution=lease.execution_id, epoch=lease.epoch)
        _end(lease, failure)
    return True


@dataclass(frozen=True)
class _Way:
    """Where a launch goes: to the agent at work that ``matching`` names, into the workspace of ``outline``, or back
    into the queue, to wait for room.
    """

    matching: Matching | None
    outline: launch_steps.Outline | None


def _way_of(execution: Execution, now: datetime) -> _Way:
    """Settled before anything is made. Raises CannotLaunch and TemplateGone (final)."""
    matching = look(execution)
    has_room = execution.start is None or bool(execution.start.workspaces)
    if not has_room or (matching is not None and matching.agent is not None):
        return _Way(matching, None)
    return _Way(matching, launch_steps.outline(execution, now=now))


def _go(lease: Lease, execution: Execution, way: _Way) -> None:
    """Raises what the steps raise."""
    if way.outline is not None:
        launch_steps.run(lease, execution, way.outline)
    elif way.matching is not None and way.matching.agent is not None:
        try:
            at_work.give(lease, execution, way.matching)
        except AgentGone:
            log.info("agent_gone", execution=lease.execution_id, agent=way.matching.agent.pk)
            at_work.put_back(lease)
    else:
        launch_ends.ask_for_room(lease, way.matching)


def _end(lease: Lease, failure: Exception) -> None:
    """Record why; where the execution was cancelled or taken over meanwhile there is nothing to record."""
    try:
        if isinstance(failure, files.NoSpace):
            launch_ends.wait_for_space(lease, str(failure))
        elif isinstance(failure, CannotLaunch | TemplateGone):
            launch_ends.try_again_or_fail(lease, str(failure), is_final=True)
        else:
            launch_ends.try_again_or_fail(lease, _in_words(failure))
    except LostRace:
        log.info("launch_lost", execution=lease.execution_id, owner=lease.owner)


def _in_words(failure: Exception) -> str:
    if isinstance(failure, files.FileTrouble):
        return str(failure)
    return f"The workspace could not be prepared ({type(failure).__name__}: {failure})."
