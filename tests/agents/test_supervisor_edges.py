"""Rarer ways of a supervisor: what fails around a run, what is wished at an awkward moment, a database that is away."""

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.actor import Actor
from agents.enums import AgentStatus, Pool, RunStatus
from agents.models import Agent, AgentIntent, AgentRun, SlotHolder
from agents.services import briefing, endings, intents, runs
from agents.services.fence import Fenced
from agents.services.reaping import reap
from agents.supervisor import supervisor as supervisor_module
from dct_site.kernel.process.spawn import ShimGone, ShimProcess
from deliverables.services import gate
from tests.agents.handlers import RecordingHandler
from tests.agents.supervising import admitted_agent, admitting, is_in, python_profile, run_until, said, supervisor
from tests.factories.agents import make_profile, set_limits
from workspaces import files

pytestmark = pytest.mark.django_db(transaction=True)
ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED, AgentStatus.WAITING)


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()


def stop(agent: Agent) -> None:
    intents.stop(agent=agent, by=Actor.system("anna"), now=timezone.now(), reason="not wanted")


def test_a_full_disk_before_the_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = admitted_agent(make_profile(max_attempts=2))
    calls: list[int] = []
    briefed = briefing.brief

    def full_once(run_id: int, **kwargs: Any) -> Any:
        calls.append(run_id)
        if len(calls) == 1:
            raise files.NoSpace
        return briefed(run_id, **kwargs)

    monkeypatch.setattr(briefing, "brief", full_once)
    monkeypatch.setattr(endings, "backoff", lambda attempt: timedelta(0))
    run_until(is_in(agent, *ENDED), admitting())
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.COMPLETED, 1)
    assert AgentRun.objects.order_by("epoch")[0].end_reason.startswith("The disk of the data directory is full")


def test_a_run_that_breaks_the_supervisor_is_lost_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = admitted_agent(make_profile())
    giving = ShimProcess.give
    calls: list[int] = []

    async def broken_once(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ShimGone("killed from outside")
        return await giving(*args)

    monkeypatch.setattr(ShimProcess, "give", broken_once)
    run_until(is_in(agent, *ENDED), admitting())
    statuses = list(AgentRun.objects.order_by("epoch").values_list("status", flat=True))
    assert statuses == [RunStatus.LOST, RunStatus.ENDED]
    assert Agent.objects.get().status == AgentStatus.COMPLETED


def test_no_more_processes_is_waited_for_and_costs_the_agent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = admitted_agent(make_profile())
    starting = ShimProcess.start
    calls: list[int] = []

    async def broken_once() -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("no more processes")
        return await starting()

    monkeypatch.setattr(ShimProcess, "start", broken_once)
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert (agent.status, agent.attempt, AgentRun.objects.count()) == (AgentStatus.COMPLETED, 0, 1)


def test_a_stop_between_the_claim_and_the_go_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = admitted_agent(python_profile("open('ran', 'w')"))
    briefed = briefing.brief

    def stopped_meanwhile(run_id: int, **kwargs: Any) -> Any:
        stop(agent)
        return briefed(run_id, **kwargs)

    monkeypatch.setattr(briefing, "brief", stopped_meanwhile)
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert agent.status == AgentStatus.STOPPED  # whoever notices first, the go or the wish
    assert not (files.root_of(agent.workspace) / "work" / "ran").exists()


def test_a_stop_while_the_gate_looks_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = admitted_agent(python_profile("pass"))
    looking = gate.evaluate

    def stopped_meanwhile(**kwargs: Any) -> Any:
        stop(agent)
        until_stopping.wait(10)
        return looking(**kwargs)

    until_stopping = threading.Event()
    stopping = endings.stop_run

    def told(*args: Any, **kwargs: Any) -> None:
        stopping(*args, **kwargs)
        until_stopping.set()

    monkeypatch.setattr(gate, "evaluate", stopped_meanwhile)
    monkeypatch.setattr(endings, "stop_run", told)
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert agent.status == AgentStatus.STOPPED
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


@pytest.mark.parametrize("wish", ["stop", "tell"])
def test_a_run_that_was_taken_over_dies_when_something_is_wished(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    agent = admitted_agent(python_profile("import time; print('ready', flush=True); time.sleep(600)"))
    refused: list[str] = []

    def fenced(*args: Any, **kwargs: Any) -> Any:
        refused.append(wish)
        raise Fenced("somebody else's")

    monkeypatch.setattr(endings, "stop_run" if wish == "stop" else "tell", fenced)
    monkeypatch.setattr(endings, "stopped", fenced)

    def over() -> bool:
        if "ready" in said(agent) and not AgentIntent.objects.exists():
            if wish == "stop":
                stop(agent)
            else:
                intents.tell(agent=agent, text="hello", by=Actor.system(), now=timezone.now())
        return bool(refused)

    run_until(over)
    run = AgentRun.objects.get()
    assert run.end_reason == ""
    assert refused


def test_a_database_that_is_away_for_a_moment_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = admitted_agent(make_profile())
    failures = [3, 3]
    startable, reaping = runs.startable, reap

    def away(now: Any) -> Any:
        failures[0] -= 1
        if failures[0] >= 0:
            raise OperationalError("the database is away")
        return startable(now)

    def away_too(**kwargs: Any) -> int:
        failures[1] -= 1
        if failures[1] >= 0:
            raise OperationalError("the database is away")
        return reaping(**kwargs)

    monkeypatch.setattr(runs, "startable", away)
    monkeypatch.setattr(supervisor_module, "reap", away_too)
    run_until(is_in(agent, *ENDED))
    assert Agent.objects.get().status == AgentStatus.COMPLETED


def test_no_more_runs_than_a_supervisor_may_have() -> None:
    agents = [admitted_agent(python_profile("import time; time.sleep(0.2)")) for _ in range(3)]
    most: list[int] = []

    def done() -> bool:
        most.append(AgentRun.objects.filter(status__in=[RunStatus.STARTING, RunStatus.RUNNING]).count())
        return Agent.objects.filter(status=AgentStatus.COMPLETED).count() == len(agents)

    run_until(done, supervisor(max_runs=1))
    assert max(most) == 1


def test_waking_is_harmless_before_and_after_and_hastens_the_work() -> None:
    agent = admitted_agent(make_profile())
    one = supervisor()
    one.wake()

    def woken() -> bool:
        one.wake()
        return is_in(agent, *ENDED)()

    run_until(woken, one)
    one.wake()
    assert Agent.objects.get().status == AgentStatus.COMPLETED


def test_an_agent_that_asks_to_be_left_alone_at_the_end_is_ended_by_its_grace() -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    agent = admitted_agent(python_profile(code))
    run_until(lambda: "ready" in said(agent))
    agent.refresh_from_db()
    assert agent.status == AgentStatus.PENDING
    assert AgentRun.objects.get().status == RunStatus.ENDED


def test_a_program_that_closed_its_input_is_told_nothing_and_nothing_breaks() -> None:
    code = "import os, time; os.close(0); print('ready', flush=True); time.sleep(1)"
    agent = admitted_agent(python_profile(code))

    def told() -> bool:
        if "ready" in said(agent) and not AgentIntent.objects.exists():
            intents.tell(agent=agent, text="hello", by=Actor.system(), now=timezone.now())
        return is_in(agent, *ENDED)()

    run_until(told)
    assert Agent.objects.get().status == AgentStatus.COMPLETED


def test_a_thread_event_ends_a_supervisor_too() -> None:
    stopping = threading.Event()
    stopping.set()
    asyncio.run(supervisor().run_forever(stopping))
