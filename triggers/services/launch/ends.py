"""What becomes of a launch that does not get through: it waits for room, is tried again later, or has failed."""

import random
from datetime import datetime, timedelta

from django.db import transaction

from agents.services import admission
from triggers.documents import read
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.services import steps
from triggers.services.execution_moves import go
from triggers.services.execution_start import EXECUTION_START, asked_by, work_time
from triggers.services.launch.lease import Lease
from triggers.services.launch.matching import Matching, has_fallen_back
from triggers.services.slots import give_back_everything
from workspaces.services import lifecycle

NO_SPACE_WAIT = timedelta(seconds=10)
_FIRST_BACKOFF_S = 2.0
_LONGEST_BACKOFF_S = 300.0


def wait_for_space(lease: Lease, reason: str) -> None:
    """A full disk is nobody's failure: the execution keeps its slots, says why it waits, and its time to work begins
    when there is room.
    """
    with transaction.atomic():
        execution = lease.hold()
        at = lease.now()
        Execution.objects.filter(pk=execution.pk).update(
            lease_owner="",
            lease_until=at + NO_SPACE_WAIT,
            reason=reason[:1000],
            deadline_at=at + NO_SPACE_WAIT + work_time(execution),
        )


def ask_for_room(lease: Lease, matching: Matching | None) -> None:
    """No agent at work takes it: it waits for a workspace and an agent of its own, in its old place. That was no
    attempt. Raises LostRace where the execution is no longer this launcher's.
    """
    with transaction.atomic():
        execution = lease.hold()
        at = lease.now()
        assert execution.start is not None  # noqa: S101 - it was admitted
        admission.ask_for_room(start=execution.start, now=at)
        steps.take_back_attempt(execution)
        steps.begin_anew(execution)
        before = execution.attempt - 1
        go(
            execution,
            ExecutionStatus.QUEUED,
            now=at,
            guard={"epoch": lease.epoch},
            attempt=before,
            started_at=execution.started_at if before else None,
            lease_owner="",
            lease_until=None,
            deadline_at=None,
            matching=matching.as_data(at=at) if matching else execution.matching,
        )


def try_again_or_fail(lease: Lease, reason: str, *, is_final: bool = False) -> ExecutionStatus:
    """Give the slots back; queue another attempt with a longer wait each time, or fail for good (dead-lettered).

    Raises LostRace where the execution is no longer this launcher's.
    """
    with transaction.atomic():
        execution = lease.hold()
        at = lease.now()
        give_back_everything(execution, reason="its launch failed", now=at)
        steps.end_attempt(execution, at=at, outcome=ExecutionStatus.FAILED, error=reason)
        if is_final or execution.attempt >= execution.max_attempts:
            _fail(lease, execution, reason, at)
        else:
            _queue_again(lease, execution, reason, at)
        steps.break_off(execution, at=at, error=reason)
    return ExecutionStatus(execution.status)


def _fail(lease: Lease, execution: Execution, reason: str, at: datetime) -> None:
    go(
        execution,
        ExecutionStatus.FAILED,
        now=at,
        reason=reason,
        guard={"epoch": lease.epoch},
        ended_at=at,
        dead_lettered_at=at,
        lease_owner="",
        lease_until=None,
    )
    if execution.workspace is not None:
        lifecycle.fail(workspace=execution.workspace, now=at, reason=reason)


def _queue_again(lease: Lease, execution: Execution, reason: str, at: datetime) -> None:
    not_before = at + backoff(execution.attempt)
    document = read(execution.revision.document)
    start = admission.request_start(
        kind=EXECUTION_START,
        subject_id=execution.pk,
        priority=execution.priority,
        now=at,
        not_before=not_before,
        is_resumed=True,
        backlog_turn=execution.start.backlog_turn if execution.start is not None else 0,
        **asked_by(
            execution,
            limits=document.limits,
            connection_id=execution.event.connection_id,
            is_apart=execution.start is not None and not execution.start.is_in_turn,
            looks_first=document.looks_first and not has_fallen_back(execution),
        ),
    )
    go(
        execution,
        ExecutionStatus.QUEUED,
        now=at,
        reason=f"Attempt {execution.attempt} of {execution.max_attempts} failed: {reason}",
        guard={"epoch": lease.epoch},
        start=start,
        not_before=not_before,
        lease_owner="",
        lease_until=None,
        deadline_at=None,
    )


def backoff(attempt: int) -> timedelta:
    """The wait before the next attempt: 2 s doubled for each one, at most 5 minutes, spread by a quarter so that many
    that failed together do not come back together.
    """
    seconds = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** (attempt - 1))
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311 - spread, not secrecy
