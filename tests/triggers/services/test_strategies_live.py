"""News upon news for agents at work, real processes, supervisors that are killed: nothing is lost, nothing told twice,
and never are two agents at work in one workspace.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

import tests.agents
from agents.enums import Strategy
from agents.models import Agent, AgentMessage, AgentRun
from agents.services import admission
from agents.services.reaping import reap
from dct_site.kernel.crashpoints import TRAP
from tests.agents.supervising import admitting, run_until
from tests.factories.agents import make_command, make_profile
from tests.factories.at_work import AtWork, at_work
from tests.factories.executions import make_event, make_execution
from tests.triggers.services.doomed import database_url
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.services.launch.admitted import launch_some
from triggers.services.settle.working import settle_some
from workspaces import files
from workspaces.models import Workspace

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.unmeasured]
ROUNDS = 6
# Works for a moment, tells where another one works beside it, and writes down the news that it was told.
PROGRAM = """
import fcntl, json, os, pathlib, time
run = json.loads(pathlib.Path(os.environ["DCT_RUN_FILE"]).read_text())
feedback = pathlib.Path(os.environ["DCT_FEEDBACK"])
lock = open("lock", "w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    (feedback / "twice.txt").write_text("two at once")
print("at work", flush=True)
time.sleep(0.3)
(feedback / "digest.md").write_text(json.dumps(run["news"]))
"""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.services.endings.BACKOFF", timedelta(0))


@pytest.fixture
def doomed_supervisor(tmp_path: Path) -> Iterator[Callable[[str], "subprocess.Popen[bytes]"]]:
    """A supervisor in a process of its own, that dies at a place."""
    started: list[subprocess.Popen[bytes]] = []

    def start(place: str) -> "subprocess.Popen[bytes]":
        trap = tmp_path / "trap"
        trap.write_text(place)
        env = {
            **os.environ,
            "DCT_DATABASE_URL": database_url(),
            "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
            "DJANGO_SETTINGS_MODULE": "dct_site.settings",
            TRAP: str(trap),
        }
        worker = Path(tests.agents.__file__).with_name("worker.py")
        started.append(subprocess.Popen([sys.executable, str(worker), "supervise"], env=env))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def _world(strategy: Strategy) -> AtWork:
    command = make_command(str(Path(sys.executable).resolve()), "-S", "-I", "-c", PROGRAM)
    profile = make_profile(command=command, max_attempts=20)
    return at_work(strategy, agent={"profile_id": profile.pk}, limits={"deadline_s": 86_400})


def _pass() -> None:
    """As the engine's loops do beside the supervisor."""
    now = timezone.now()
    admission.admit(now=now)
    launch_some(owner="engine", now=now)
    settle_some(now=now)


def _bring(world: AtWork) -> Execution:
    now = timezone.now()
    changes: dict[str, Any] = {"title": ["a", "b"]}
    execution = make_execution(event=make_event(world.item, now=now, changes=changes), trigger=world.trigger, now=now)
    _pass()
    return execution


def _all_over() -> bool:
    _pass()
    return not Execution.objects.filter(status__in=Execution.MOVES.open).exists()


def _killed_meanwhile(world: AtWork, doomed: "subprocess.Popen[bytes]") -> list[Execution]:
    """News for the agent while its supervisor works and dies; then the rest, for the next one."""
    given: list[Execution] = []
    until = time.monotonic() + 60
    while doomed.poll() is None:
        assert time.monotonic() < until, "it never came by"
        if len(given) < ROUNDS // 2:
            given.append(_bring(world))
        _pass()
        time.sleep(0.1)
    AgentRun.objects.filter(status__in=["starting", "running", "stopping"]).update(lease_until=timezone.now())
    reap(now=timezone.now())
    while len(given) < ROUNDS:
        given.append(_bring(world))
    run_until(_all_over, admitting(), seconds=90)
    return given


def _told(execution: Execution) -> int:
    """How often any agent was told of it."""
    path = f"context/news/{execution.pk}"
    return sum(row.data.get("news") == path for row in AgentMessage.objects.filter(kind="instruction"))


PLACES = ["supervisor.after_claim", "supervisor.after_go", "supervisor.after_gate", "supervisor.in_complete"]


@pytest.mark.parametrize("place", PLACES)
def test_every_news_is_told_once_or_worked_on_afresh(
    place: str, doomed_supervisor: Callable[[str], "subprocess.Popen[bytes]"]
) -> None:
    world = _world(Strategy.QUEUE_FOR_EXISTING)
    given = _killed_meanwhile(world, doomed_supervisor(place))
    connection.close()
    for execution in given:
        execution.refresh_from_db()
        assert execution.status == ExecutionStatus.SUCCEEDED
        is_told = execution.workspace_id is None
        assert _told(execution) == int(is_told) or "fell_back" in execution.matching
        if is_told:
            assert f"context/news/{execution.pk}" in _delivered(Agent.objects.get(intents=execution.news_id))
    _assert_never_two()


@pytest.mark.parametrize("place", PLACES)
def test_the_last_of_many_successors_knows_all_the_news(
    place: str, doomed_supervisor: Callable[[str], "subprocess.Popen[bytes]"]
) -> None:
    world = _world(Strategy.STOP_AND_NOTIFY)
    given = _killed_meanwhile(world, doomed_supervisor(place))
    connection.close()
    chains: dict[int, list[Execution]] = {}
    for execution in Execution.objects.order_by("pk"):
        assert execution.workspace_id is not None
        chains.setdefault(execution.workspace_id, []).append(execution)
    for chain in chains.values():
        assert [one.replaced_by_id for one in chain] == [*(one.pk for one in chain[1:]), None]
        assert [one.status for one in chain] == [*["cancelled"] * (len(chain) - 1), "succeeded"]
        last = Agent.objects.filter(workspace=chain[-1].workspace_id).latest("pk")
        assert _delivered(last) == [f"context/news/{one.pk}" for one in chain[1:]]
    assert sum(len(chain) for chain in chains.values()) == len(given) + 1
    _assert_never_two()


def _delivered(agent: Agent) -> list[str]:
    """The news that its program wrote down at last."""
    raw = files.read_all(files.root_of(agent.workspace), "feedback/digest.md")
    found: list[str] = json.loads(raw)
    return found


def _assert_never_two() -> None:
    for workspace in Workspace.objects.all():
        assert not (files.root_of(workspace) / "feedback/twice.txt").exists()
