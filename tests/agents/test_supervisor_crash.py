"""Supervisors that are killed or frozen: the next one finishes the agent, once, and late writes are refused."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from agents.enums import AgentStatus, Pool, RunStatus, StartStatus
from agents.models import Agent, AgentMessage, AgentRun, SlotHolder, StartRequest
from agents.services import admission
from agents.services.restoring import CHUNK, restore
from dct_site.kernel.process.identity import ProcessIdentity
from tests.agents.handlers import RecordingHandler
from tests.agents.records.rows import SYSTEM, put_away
from tests.agents.supervising import admitted_agent, admitting, is_in, python_profile, run_until
from tests.factories.agents import make_profile, make_start, set_limits
from tests.factories.deliverables import make_deliverable
from tests.factories.workspaces import make_workspace
from tests.triggers.services.doomed import database_url
from workspaces import files
from workspaces.enums import TrustTier

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.unmeasured]

# Writes down that it runs; the first run goes on until it is killed, the next one delivers.
LEDGER = """
import json, os, pathlib, time
run = json.loads(pathlib.Path(os.environ["DCT_RUN_FILE"]).read_text())["run"]
feedback = pathlib.Path(os.environ["DCT_FEEDBACK"])
while True:
    with open(feedback / "ledger.txt", "a") as file:
        file.write("%d\\n" % run)
    print("run", run, flush=True)
    if run > 1:
        break
    time.sleep(0.01)
(feedback / "digest.md").write_text("done")
"""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limits()
    monkeypatch.setattr("agents.services.endings.BACKOFF", timedelta(0))


@pytest.fixture
def start_worker() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start a worker process on this test's database; ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(work: str = "supervise", **environment: str) -> "subprocess.Popen[bytes]":
        env = {
            **os.environ,
            "DCT_DATABASE_URL": database_url(),
            "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
            "DJANGO_SETTINGS_MODULE": "dct_site.settings",
            **environment,
        }
        started.append(subprocess.Popen([sys.executable, str(Path(__file__).with_name("worker.py")), work], env=env))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def ledger_of(agent: Agent) -> list[str]:
    path = files.root_of(agent.workspace) / "feedback" / "ledger.txt"
    return path.read_text().split() if path.exists() else []


def working_agent(handler: RecordingHandler) -> Agent:
    workspace = make_workspace(trust_tier=TrustTier.VERIFIED)
    make_deliverable(workspace)
    return admitted_agent(python_profile(LEDGER), workspace=workspace)


def let_its_lease_run_out() -> None:
    """The time that a dead supervisor's lease still had is over: nobody is left to renew it."""
    AgentRun.objects.update(lease_until=timezone.now())


def assert_finished_once(agent: Agent) -> None:
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.COMPLETED, 1)
    assert list(AgentRun.objects.order_by("epoch").values_list("epoch", "status")) == [
        (1, RunStatus.LOST),
        (2, RunStatus.ENDED),
    ]
    lines = ledger_of(agent)
    assert lines == sorted(lines), "the first run wrote after the second one began"
    assert lines.count("2") == 1
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


def test_an_agent_whose_supervisor_is_killed_is_finished_by_the_next_one_once(
    handler: RecordingHandler, start_worker: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    agent = working_agent(handler)
    first = start_worker()
    wait_until(lambda: len(ledger_of(agent)) > 2 and AgentRun.objects.filter(pid__isnull=False).exists())
    first.kill()
    first.wait()
    let_its_lease_run_out()
    run_until(is_in(agent, AgentStatus.COMPLETED), admitting("second"), seconds=40)
    assert_finished_once(agent)


def test_a_supervisor_that_was_frozen_beyond_its_lease_is_refused_when_it_wakes(
    handler: RecordingHandler, start_worker: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    agent = working_agent(handler)
    first = start_worker()
    wait_until(lambda: AgentMessage.objects.count() > 2)
    first.send_signal(signal.SIGSTOP)
    run_until(is_in(agent, AgentStatus.COMPLETED), admitting("second"), seconds=40)
    assert_finished_once(agent)
    lost = AgentRun.objects.get(epoch=1)
    said = AgentMessage.objects.filter(run_id=lost.pk).count()
    assert lost.pid is not None
    assert not ProcessIdentity(lost.pid, lost.pid_started or 0, lost.boot_id).is_running()
    first.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    assert AgentMessage.objects.filter(run_id=lost.pk).count() == said
    assert_finished_once(agent)


@pytest.mark.parametrize(
    "place",
    [
        "supervisor.after_claim",
        "supervisor.after_shim",
        "supervisor.before_go",
        "supervisor.after_go",
        "supervisor.after_gate",
        "supervisor.in_complete",
    ],
)
def test_a_supervisor_that_dies_at_any_step_leaves_an_agent_that_the_next_one_finishes(
    handler: RecordingHandler, start_worker: Callable[..., "subprocess.Popen[bytes]"], place: str
) -> None:
    workspace = make_workspace()
    make_deliverable(workspace)
    agent = admitted_agent(make_profile(), workspace=workspace)
    assert start_worker(DCT_CRASH_AT=place).wait(60) == -signal.SIGKILL
    let_its_lease_run_out()
    run_until(is_in(agent, AgentStatus.COMPLETED), admitting("second"), seconds=40)
    assert list(AgentRun.objects.order_by("epoch").values_list("status", flat=True)) == [
        RunStatus.LOST,
        RunStatus.ENDED,
    ]
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


def test_a_restored_agent_has_the_whole_conversation_whoever_dies_while_it_is_given_to_it(
    handler: RecordingHandler, start_worker: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    workspace = make_workspace(trust_tier=TrustTier.VERIFIED)
    make_deliverable(workspace)
    texts = [f"line {number}" for number in range(1, 3 * CHUNK)]
    agent = restore(record=put_away(*texts, workspace=workspace), by=SYSTEM, now=timezone.now())
    assert start_worker(DCT_CRASH_AT="restoring.after_chunk:2").wait(60) == -signal.SIGKILL
    assert AgentMessage.objects.filter(agent_id=agent.pk).count() == 2 * CHUNK
    assert not StartRequest.objects.filter(kind="agent").exists()
    run_until(is_in(agent, AgentStatus.COMPLETED), admitting("second"), seconds=40)
    said = AgentMessage.objects.filter(agent_id=agent.pk).order_by("seq").values_list("seq", "text")
    assert list(said[: len(texts)]) == list(enumerate(texts, 1))
    assert said[len(texts)][1].startswith("Restored by anna")
    assert AgentRun.objects.get(agent=agent).status == RunStatus.ENDED


def test_an_admission_that_dies_half_way_started_nothing(
    handler: RecordingHandler, start_worker: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    wish = make_start(1)
    assert start_worker("admit", DCT_CRASH_AT="admit.in_start").wait(60) == -signal.SIGKILL
    wish.refresh_from_db()
    assert (wish.status, SlotHolder.objects.count()) == (StartStatus.WAITING, 0)
    assert admission.admit(now=wish.queued_at) == 1
    assert StartRequest.objects.get().status == StartStatus.ADMITTED


def test_sigterm_ends_the_process_cleanly_and_queues_its_agent_again(
    handler: RecordingHandler, start_worker: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    agent = working_agent(handler)
    first = start_worker()
    wait_until(lambda: len(ledger_of(agent)) > 2)
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.PENDING, 0)
    lines = len(ledger_of(agent))
    run_until(is_in(agent, AgentStatus.COMPLETED), admitting("second"), seconds=40)
    assert len(ledger_of(agent)) == lines + 1
