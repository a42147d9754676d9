"""Promises 11 and 14, as checks: one attempt lives at a time, and what has ended has ended."""

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from django.db import IntegrityError, transaction

from agents.enums import AGENT_MOVES, RUN_MOVES, START_MOVES, RunStatus
from agents.models import AgentMessage, AgentRun
from agents.services import admission, endings, runs
from agents.services.batches import store
from agents.services.fence import Fenced
from agents.services.reaping import reap
from agents.starts import starts
from dct_site.kernel import moves
from dct_site.kernel.moves import IllegalMove, LostRace
from deliverables.enums import DELIVERABLE_MOVES
from tests.agents.handlers import RecordingHandler
from tests.agents.running import DONE, LEASE, message, running
from tests.agents.supervising import admitted_agent
from tests.factories.agents import make_profile, set_limits
from tests.factories.executions import NOON as LAUNCHED
from tests.factories.executions import make_admitted, make_execution
from triggers.enums import EXECUTION_MOVES, ExecutionStatus
from triggers.models import Execution
from triggers.services.launch import lease as launch_lease
from workspaces.enums import WORKSPACE_MOVES

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WALKS, STEPS = 8, 12


def an_agent_has_one_live_run() -> None:
    """Promise 11: whatever code comes by."""
    with recording():
        agent = admitted_agent(make_profile())
        first = running(agent, NOW)
    try:
        AgentRun.objects.create(agent=agent, epoch=first.epoch + 1, owner="other", lease_until=NOW, started_at=NOW)
    except IntegrityError:
        return
    raise AssertionError("the database stored a second live run of one agent")


def a_run_that_was_taken_over_writes_nothing_more() -> None:
    """Promise 11: a supervisor that was frozen wakes up behind its successor: neither a message nor an ending of its
    own counts, and it is told to let its process die.
    """
    with recording():
        agent = admitted_agent(make_profile())
        old = running(agent, NOW)
        later = NOW + LEASE
        assert reap(now=later) == 1, "a run whose lease is over was not taken over"
        admission.admit(now=later + timedelta(hours=1))
        successor = runs.claim(agent.pk, owner="second", now=later, lease=LEASE)
        assert successor is not None, "an agent that was lost has no next run"
        assert successor.epoch == old.epoch + 1
        for at in (NOW, later):
            refused = store({old.pk: message("late")}, owner="me", now=at, lease=LEASE)
            assert refused == {old.pk}, "a run that was taken over is not told to die"
        assert not AgentMessage.objects.filter(run_id=old.pk).exists(), "a run that was taken over wrote a message"
        try:
            endings.complete(old.pk, owner="me", now=NOW, exited=DONE)
        except Fenced:
            pass
        else:
            raise AssertionError("a run that was taken over ended its agent")
    assert AgentRun.objects.get(pk=successor.run_id).status == RunStatus.STARTING


def a_lease_that_is_over_is_no_lease() -> None:
    """Promise 11: before anybody has taken the run over, too: its shim may be dead by then."""
    with recording():
        old = running(admitted_agent(make_profile()), NOW)
    refused = store({old.pk: message("late")}, owner="me", now=NOW + LEASE, lease=LEASE)
    assert refused == {old.pk}, "a run whose lease is over went on writing"


def a_launch_that_was_taken_over_is_refused() -> None:
    """Promise 11: the same for whoever prepares an execution."""
    execution = make_admitted()
    old = launch_lease.claim(execution, owner="first", now=LAUNCHED)
    assert old is not None
    execution.refresh_from_db()
    assert launch_lease.claim(execution, owner="second", now=LAUNCHED) is None, "a launch was claimed twice"
    assert launch_lease.claim(execution, owner="second", now=LAUNCHED + launch_lease.LEASE) is not None
    try:
        with transaction.atomic():
            old.hold()
    except LostRace:
        return
    raise AssertionError("a launch that was taken over went on")


def what_has_ended_has_ended() -> None:
    """Promise 14: random walks of several holders of one execution, each of whom believes what it read last."""
    choice = random.Random(14)
    for _ in range(WALKS):
        execution = make_execution()
        holders = [Execution.objects.get(pk=execution.pk) for _ in range(3)]
        ended = ""
        for _ in range(STEPS):
            holder, to = choice.choice(holders), choice.choice(list(ExecutionStatus))
            if choice.random() < 0.4:
                holder.refresh_from_db()
            attention = "review" if to == ExecutionStatus.NEEDS_ATTENTION else ""
            with suppress(IllegalMove, LostRace):
                moves.move(holder, to, now=NOW, attention=attention)
            status = Execution.objects.values_list("status", flat=True).get(pk=execution.pk)
            assert not ended or status == ended, f"an execution that was {ended} became {status}"
            if status in EXECUTION_MOVES.terminal:
                ended = status


def an_end_that_was_lost_to_another_is_no_end() -> None:
    """Promise 14: of two who end it at once, one does, and the other is told."""
    for first, second in itertools.permutations((ExecutionStatus.CANCELLED, ExecutionStatus.FAILED)):
        execution = make_execution()
        one, other = (Execution.objects.get(pk=execution.pk) for _ in range(2))
        moves.move(one, first, now=NOW)
        try:
            moves.move(other, second, now=NOW)
        except LostRace:
            continue
        raise AssertionError(f"an execution that was {first} became {second}")


def nothing_leads_out_of_an_end() -> None:
    """Promise 14: for every kind of row that has a status with an end."""
    machines = (EXECUTION_MOVES, AGENT_MOVES, RUN_MOVES, START_MOVES, DELIVERABLE_MOVES, WORKSPACE_MOVES)
    for machine in machines:
        assert machine.terminal, f"{machine.kind} has no end"
        left = [(end, to) for end in machine.terminal for to in machine.moves if machine.allows(end, to)]
        assert not left, f"{machine.kind}: {left} lead out of an end"


@contextmanager
def recording() -> Iterator[None]:
    """Limits, and a handler that starts whatever is admitted."""
    set_limits()
    with patch.dict(starts._entries, {"test": RecordingHandler()}):
        yield
