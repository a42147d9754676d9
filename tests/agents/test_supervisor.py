"""A supervisor over real processes: what runs, what is kept of it, and what becomes of the agent."""

import json
import sys
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.actor import Actor
from agents.enums import AgentStatus, IntentStatus, MessageKind, Pool, RunStatus, StartStatus, WaitsFor
from agents.models import Agent, AgentIntent, AgentRun, ObsoleteAgentRecord, SlotHolder, StartRequest
from agents.services import intents, obsolete
from agents.services.briefing import mark_of
from dct_site.kernel.process.reap import kill_marked
from tests.agents.handlers import RecordingHandler
from tests.agents.supervising import admitted_agent, admitting, is_in, python_profile, run_until, said, waiting_agent
from tests.factories.agents import make_command, make_profile, set_limits
from tests.factories.deliverables import make_deliverable
from tests.factories.workspaces import make_workspace
from workspaces import files
from workspaces.enums import TrustTier

pytestmark = pytest.mark.django_db(transaction=True)
ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED, AgentStatus.WAITING)


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()


def test_a_digest_agent_completes_and_its_slot_is_free() -> None:
    workspace = make_workspace()
    make_deliverable(workspace, rules={"min_size": 100})
    files.write_atomic(
        files.root_of(workspace), "context/event.json", json.dumps({"type": "x", "actor": "alice"}).encode()
    )
    agent = admitted_agent(make_profile(), workspace=workspace, instructions="Sum it up.")
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert (agent.status, agent.reason) == (AgentStatus.COMPLETED, "")
    assert b"alice" in files.read_all(files.root_of(workspace), "feedback/digest.md")
    run = AgentRun.objects.get()
    assert (run.status, run.epoch, run.output_bytes > 100) == (RunStatus.ENDED, 1, True)
    assert said(agent)[0] == "Sum it up."
    assert said(agent, MessageKind.TOOL_CALL)[-1] == "feedback/digest.md"
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


def test_a_program_that_is_not_there_fails_at_once_and_says_so() -> None:
    agent = admitted_agent(make_profile(command=make_command("no-such-program"), max_attempts=3))
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.FAILED, 1)
    assert agent.reason.startswith("The program no-such-program was not found.")
    assert said(agent, MessageKind.SYSTEM) == [agent.reason]


def test_a_failing_program_is_tried_again_later_and_then_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.services.endings.BACKOFF", timedelta(milliseconds=20))
    agent = admitted_agent(python_profile("print('at work', flush=True); raise SystemExit(3)", max_attempts=3))
    run_until(is_in(agent, *ENDED), admitting())
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.FAILED, 3)
    assert agent.reason == "The program ended with code 3. That was attempt 3 of 3."
    assert said(agent, MessageKind.OUTPUT) == ["at work"] * 3
    assert list(AgentRun.objects.order_by("epoch").values_list("epoch", "status", "exit_code")) == [
        (1, RunStatus.ENDED, 3),
        (2, RunStatus.ENDED, 3),
        (3, RunStatus.ENDED, 3),
    ]
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


def test_the_environment_of_a_program_is_built_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_CANARY", "a secret")
    code = "import json, os; print(json.dumps({'type': 'text', 'text': json.dumps(dict(os.environ))}))"
    command = make_command(sys.executable, "-S", "-I", "-c", code, environment={"FIXED": "1"})
    agent = admitted_agent(make_profile(command=command))
    run_until(is_in(agent, *ENDED))
    environment = json.loads(said(agent, MessageKind.TEXT)[0])
    root = files.root_of(agent.workspace)
    assert environment["HOME"] == str(root / "work")
    assert environment["FIXED"] == "1"
    assert set(environment) == {
        "PATH", "HOME", "LANG", "FIXED", "DCT_WORKSPACE", "DCT_CONTEXT", "DCT_FEEDBACK", "DCT_INSTRUCTIONS_FILE",
        "DCT_RUN_FILE", "DCT_RUN_MARK",
    }  # fmt: skip


WRITER = """
import json, os, pathlib
run = json.loads(pathlib.Path(os.environ["DCT_RUN_FILE"]).read_text())
size = 10 if run["round"] < {rounds} else 300
pathlib.Path(os.environ["DCT_FEEDBACK"], "digest.md").write_text("x" * size)
print(json.dumps({{"type": "done", "text": "round %d" % run["round"]}}))
"""


def test_an_agent_that_is_done_too_early_is_sent_back_with_the_reasons_under_the_same_slot() -> None:
    workspace = make_workspace(trust_tier=TrustTier.VERIFIED)
    make_deliverable(workspace, rules={"min_size": 200})
    agent = admitted_agent(python_profile(WRITER.format(rounds=2)), workspace=workspace)
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert (agent.status, agent.rounds, agent.attempt) == (AgentStatus.COMPLETED, 2, 0)
    assert (
        said(agent, MessageKind.GATE)
        == ["Not done yet:\n* digest: feedback/digest.md has 10 bytes, at least 200 are asked"] * 2
    )
    assert said(agent, MessageKind.TEXT) == ["round 0", "round 1", "round 2"]
    page = files.read_all(files.root_of(workspace), "context/run/instructions.md").decode()
    assert "feedback/digest.md has 10 bytes, at least 200 are asked" in page


def test_an_agent_that_never_delivers_waits_for_a_person_without_a_slot() -> None:
    workspace = make_workspace(trust_tier=TrustTier.VERIFIED)
    make_deliverable(workspace)
    agent = admitted_agent(python_profile("pass", max_rounds=2), workspace=workspace)
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert (agent.status, agent.rounds, agent.waits_for) == (AgentStatus.WAITING, 2, WaitsFor.UNSATISFIED)
    assert agent.reason == "digest: feedback/digest.md does not exist."
    assert AgentRun.objects.count() == 3
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


def test_an_agent_with_a_question_waits_and_goes_on_with_the_answer(now: datetime) -> None:
    code = """
import json, os, pathlib
run = json.loads(pathlib.Path(os.environ["DCT_RUN_FILE"]).read_text())
answer = {"type": "text", "text": run["asked"][-1]} if run["asked"] else {"type": "question", "text": "Which?"}
print(json.dumps(answer))
"""
    agent = admitted_agent(python_profile(code))
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert (agent.status, agent.waits_for, agent.reason) == (AgentStatus.WAITING, WaitsFor.QUESTION, "Which?")
    intents.tell(agent=agent, text="The second.", by=Actor.system("anna"), now=timezone.now())
    run_until(is_in(agent, AgentStatus.COMPLETED), admitting())
    assert said(agent, MessageKind.TEXT) == ["Which?", "The second."]
    assert AgentIntent.objects.get().status == IntentStatus.DONE


TALKER = "import sys; print('ready', flush=True); print('heard', sys.stdin.readline().strip(), flush=True)"


def test_a_message_reaches_a_program_at_work_once() -> None:
    agent = admitted_agent(python_profile(TALKER))

    def told() -> bool:
        if said(agent, MessageKind.OUTPUT) == ["ready"] and not AgentIntent.objects.exists():
            intents.tell(agent=agent, text="hello", by=Actor.system("anna"), now=timezone.now())
        return is_in(agent, *ENDED)()

    run_until(told)
    assert said(agent, MessageKind.OUTPUT)[1:] == ['heard {"type": "message", "text": "hello"}']
    assert said(agent, MessageKind.INSTRUCTION) == ["hello"]


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
print("ready", flush=True)
time.sleep(600)
"""


def test_a_stopped_agent_dies_with_its_whole_tree_and_its_conversation_is_kept() -> None:
    agent = admitted_agent(python_profile(STUBBORN, instructions="Wait."), instructions="Do it.")

    def stopped() -> bool:
        if "ready" in said(agent) and not AgentIntent.objects.exists():
            intents.stop(agent=agent, by=Actor.system("anna"), now=timezone.now(), reason="not wanted")
        return is_in(agent, *ENDED)()

    run_until(stopped)
    agent.refresh_from_db()
    assert (agent.status, agent.reason) == (AgentStatus.STOPPED, "not wanted")
    record = ObsoleteAgentRecord.objects.get(agent=agent)
    assert obsolete.unpack(record)[0]["text"] == "Do it."
    assert (record.by_label, record.reason, record.profile["instructions"]) == ("anna", "not wanted", "Wait.")
    assert kill_marked(mark_of(AgentRun.objects.get())) == 0
    assert not SlotHolder.objects.filter(pool=Pool.AGENTS).exists()


def test_a_pending_agent_is_stopped_at_once() -> None:
    agent = admitted_agent(python_profile("pass"))
    agent.refresh_from_db()
    intents.stop(agent=agent, by=Actor.system("anna"), now=timezone.now(), reason="not wanted")
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert agent.status == AgentStatus.STOPPED
    assert not AgentRun.objects.exists()


def test_more_output_than_allowed_ends_the_run_for_good() -> None:
    agent = admitted_agent(python_profile("while True: print('x' * 1000)", output_limit_bytes=50_000))
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.FAILED, 1)
    assert agent.reason == "It wrote more output than its profile allows."
    assert sum(len(text) for text in said(agent, MessageKind.OUTPUT)) <= 50_000


def test_a_time_limit_ends_a_run() -> None:
    agent = admitted_agent(python_profile("import time; time.sleep(600)", time_limit_s=1, max_attempts=1))
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert agent.reason == "Its time limit was over."


def test_a_paused_trigger_starts_nothing_though_the_slot_is_held(handler: RecordingHandler) -> None:
    agent = admitted_agent(python_profile("open('ran', 'w')"))
    assert agent.start is not None
    handler.held[agent.start.subject_id] = "the trigger is paused"
    run_until(lambda: AgentRun.objects.filter(status=RunStatus.ENDED).exists())
    agent.refresh_from_db()
    assert (agent.status, agent.reason, agent.attempt) == (AgentStatus.PENDING, "the trigger is paused", 0)
    assert not (files.root_of(agent.workspace) / "work" / "ran").exists()
    wish = StartRequest.objects.get(kind="agent")
    assert (wish.is_resumed, wish.workspaces, wish.status) == (True, 0, StartStatus.WAITING)


def test_the_end_of_dct_queues_a_running_agent_again_without_counting_an_attempt() -> None:
    agent = admitted_agent(python_profile("import time; print('ready', flush=True); time.sleep(600)"))
    run_until(lambda: "ready" in said(agent))
    agent.refresh_from_db()
    assert (agent.status, agent.attempt, agent.reason) == (AgentStatus.PENDING, 0, "DCT was shut down")
    assert AgentRun.objects.get().status == RunStatus.ENDED
    assert StartRequest.objects.get(kind="agent").is_resumed


def test_a_program_of_an_open_door_is_refused_without_a_sandbox() -> None:
    agent = admitted_agent(python_profile("pass"), workspace=make_workspace(trust_tier=TrustTier.OPEN))
    run_until(is_in(agent, *ENDED))
    agent.refresh_from_db()
    assert agent.status == AgentStatus.FAILED
    assert "Install bubblewrap" in agent.reason


def test_twenty_agents_never_exceed_the_limit_of_three() -> None:
    set_limits(max_agents=3)
    agents = [waiting_agent(make_profile()) for _ in range(20)]
    most = 0

    def done() -> bool:
        nonlocal most
        alive = AgentRun.objects.filter(status__in=[RunStatus.STARTING, RunStatus.RUNNING]).count()
        most = max(most, alive, SlotHolder.objects.filter(pool=Pool.AGENTS).count())
        return not Agent.objects.exclude(status=AgentStatus.COMPLETED).exists()

    run_until(done, admitting(), admitting("second"), seconds=90)
    assert len(agents) == Agent.objects.filter(status=AgentStatus.COMPLETED).count()
    assert AgentRun.objects.count() == 20
    assert 1 <= most <= 3
