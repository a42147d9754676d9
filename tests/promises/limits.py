"""Promises 12, 13 and 15 to 17, as checks: nothing hangs, nothing fails for ever, and limits hold."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from accounts.actor import Actor
from agents.enums import AgentStatus, Pool, StartStatus
from agents.models import Agent, AgentRun, SlotHolder, StartRequest
from agents.services import admission, endings
from agents.services.batches import Batch, store
from agents.services.endings import Exited
from agents.services.reaping import reap
from agents.starts import starts
from dct_site.engine import tick
from tests.agents.handlers import RecordingHandler
from tests.agents.running import LEASE, running
from tests.agents.supervising import admitted_agent
from tests.factories.agents import make_profile, make_start, set_limits
from tests.factories.executions import NOON as LAUNCHED
from tests.factories.executions import make_execution, make_launched
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.services import standing

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SYSTEM = Actor.system("promises")


def who_stops_answering_is_followed() -> None:
    """Promise 12: a run whose supervisor is gone ends with its lease, and its agent runs again."""
    with recording():
        run = running(admitted_agent(make_profile()), NOW)
        reap(now=NOW + LEASE)
    assert Agent.objects.get().status == AgentStatus.PENDING, "a run that nobody answers for goes on for ever"
    assert AgentRun.objects.get(pk=run.pk).ended_at is not None


def who_answers_is_left_alone() -> None:
    """Promise 12: by its heartbeat, not by its age."""
    with recording():
        run, at = running(admitted_agent(make_profile()), NOW), NOW
        for _ in range(20):
            at += LEASE / 2
            refused = store({run.pk: Batch([], output_bytes=0)}, owner="me", now=at, lease=LEASE)
            assert not refused, "a run that answers lost its lease"
            assert reap(now=at) == 0, "a run that answers was taken over"


def what_is_past_its_deadline_ends() -> None:
    """Promise 12: the clock sees to it, whoever else is there."""
    execution = make_launched()
    deadline = Execution.objects.get(pk=execution.pk).deadline_at
    assert deadline is not None, "an execution at work has no deadline"
    tick.tick(deadline)
    status = Execution.objects.get(pk=execution.pk).status
    assert status == ExecutionStatus.TIMED_OUT, f"past its deadline an execution is {status}"


def what_always_fails_is_given_up() -> None:
    """Promise 13: so many attempts, each later than the one before, and then an end that people see."""
    with recording():
        agent = admitted_agent(make_profile(max_attempts=3))
        at, attempts, pauses = NOW, 0, []
        while agent.status != AgentStatus.FAILED and attempts < 5:
            attempts += 1
            run = running(agent, at)
            endings.fail(run.pk, owner="me", now=at, exited=Exited("it fell over", 1), is_final=False)
            agent.refresh_from_db()
            waiting = StartRequest.objects.filter(subject_id=agent.pk, status=StartStatus.WAITING)
            pauses += [(again.not_before or at) - at for again in waiting]
            at += HOUR
            admission.admit(now=at)
    assert attempts == 3, f"it was tried {attempts} times and is {agent.status}"
    assert timedelta(seconds=2) <= pauses[0] <= timedelta(seconds=5), f"it was tried again after {pauses[0]}"
    assert timedelta(seconds=5) <= pauses[1] <= timedelta(seconds=10), f"it was tried again after {pauses[1]}"


def what_is_paused_starts_nothing() -> None:
    """Promise 15: what of it waits goes on waiting."""
    set_limits()
    execution = make_execution()
    standing.pause(trigger=execution.trigger, by=SYSTEM, now=LAUNCHED)
    assert admission.admit(now=LAUNCHED) == 0, "a run of a paused trigger was started"
    standing.resume(trigger=execution.trigger, by=SYSTEM, now=LAUNCHED)
    admission.sweep_parked(now=LAUNCHED + HOUR)
    assert admission.admit(now=LAUNCHED + HOUR) == 1, "a run of a resumed trigger was not started"


def so_many_run_and_not_one_more() -> None:
    """Promise 16: at every instant of arrivals, ends and lowered limits in any order."""
    choice = random.Random(16)
    with recording():
        set_limits(max_agents=3)
        most, subjects = 3, iter(range(1, 1_000))
        for step in range(60):
            at = NOW + timedelta(seconds=step)
            for _ in range(choice.randrange(3)):
                make_start(next(subjects), priority=choice.randint(1, 10), now=at)
            held = list(StartRequest.objects.filter(pk__in=SlotHolder.objects.values("start")))
            if held and choice.random() < 0.5:
                admission.release(start=choice.choice(held), pool=Pool.AGENTS, now=at)
            if choice.random() < 0.1:
                most = choice.randint(0, 3)
                set_limits(max_agents=most)
            before = SlotHolder.objects.filter(pool="agents").count()
            admission.admit(now=at)
            now_held = SlotHolder.objects.filter(pool="agents").count()
            assert now_held <= max(most, before), f"{now_held} run at once, {most} may"


def a_higher_priority_goes_first() -> None:
    """Promise 17: whatever has waited there of the low class, and however long."""
    with recording() as handler:
        set_limits(max_agents=1, ageing_s=300, reserved_from_priority=8)
        make_start(1, priority=7, now=NOW)
        make_start(2, priority=8, now=NOW + HOUR)
        admission.admit(now=NOW + HOUR)
    assert handler.started == [2], "what grew old went before the high class"


def who_waits_is_not_starved_by_the_next_level() -> None:
    """Promise 17: waiting raises a priority, by two at most."""
    with recording() as handler:
        set_limits(max_agents=1, ageing_s=300)
        make_start(1, priority=4, now=NOW)
        make_start(2, priority=5, now=NOW + HOUR)
        admission.admit(now=NOW + HOUR)
    assert handler.started == [1], "what waited for an hour went behind what had just come"


def the_reserved_share_is_for_the_high_class() -> None:
    """Promise 17."""
    with recording() as handler:
        set_limits(max_agents=4, reserved_percent=25, reserved_from_priority=8, ageing_s=300)
        for subject in range(1, 6):
            make_start(subject, priority=7, now=NOW)
        admission.admit(now=NOW + HOUR)
        assert len(handler.started) == 3, f"the low class holds {len(handler.started)} of 3 slots"
        make_start(9, priority=8, now=NOW + HOUR)
        admission.admit(now=NOW + HOUR)
    assert handler.started[-1] == 9, "the high class found no slot"


@contextmanager
def recording() -> Iterator[RecordingHandler]:
    """Limits, and a handler that starts whatever is admitted."""
    set_limits()
    handler = RecordingHandler()
    with patch.dict(starts._entries, {"test": handler}):
        yield handler
