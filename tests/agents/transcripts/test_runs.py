"""Programs with transcripts under a real supervisor: prompted once, going on by their session, failing in words."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.actor import Actor
from agents.enums import AgentStatus, MessageKind
from agents.models import Agent
from agents.services import intents
from tests.agents.handlers import RecordingHandler
from tests.agents.supervising import admitted_agent, admitting, is_in, run_until, said
from tests.factories.agents import make_command, make_profile, set_limits
from tests.factories.deliverables import make_deliverable
from tests.factories.workspaces import make_workspace
from workspaces.enums import TrustTier

pytestmark = pytest.mark.django_db(transaction=True)
ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED, AgentStatus.WAITING)

PROGRAM = """
import json, os, pathlib, sys
prompt = sys.stdin.read()
def tell(**value): print(json.dumps(value), flush=True)
session = sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv else ""
count = pathlib.Path(session or "s-1")
if session and not count.exists():
    sys.exit("No conversation found with session ID " + session)
number = int(count.read_text()) + 1 if session else 1
count.write_text(str(number))
tell(type="system", subtype="init", session_id=count.name, model="counts")
text = "%d: %s" % (number, prompt.split(":")[0])
tell(type="assistant", message={"id": "m", "content": [{"type": "text", "text": text}]})
"""
WRITES = "pathlib.Path(os.environ['DCT_FEEDBACK'], 'digest.md').write_text('x' * 100 * number)\n"
RESULT = "tell(type='result', subtype='success', is_error=False, total_cost_usd=0.5, usage={'output_tokens': 7})\n"


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    set_limits()
    monkeypatch.setattr("agents.services.endings.BACKOFF", timedelta(milliseconds=20))


def counting(code: str, **over: Any) -> Agent:
    """An agent whose program counts, in a session of its own, how often it was there."""
    argv = (str(Path(sys.executable).resolve()), "-S", "-I", "-c", PROGRAM + code)
    command = make_command(*argv, transcript="claude_code")
    return admitted_agent(
        make_profile(command=command, **over), workspace=make_workspace(trust_tier=TrustTier.VERIFIED)
    )


def test_an_agent_that_is_sent_back_goes_on_where_it_was() -> None:
    agent = counting(WRITES + RESULT)
    make_deliverable(agent.workspace, rules={"min_size": 300})
    run_until(is_in(agent, *ENDED), admitting())
    agent.refresh_from_db()
    assert (agent.status, agent.rounds, agent.checkpoint) == (AgentStatus.COMPLETED, 2, {"session": "s-1"})
    assert [text.split()[0] for text in said(agent, MessageKind.TEXT)] == ["1:", "2:", "3:"]
    assert "Read the file ../context/run/instructions.md and do" in said(agent, MessageKind.TEXT)[0]
    assert "again" in said(agent, MessageKind.TEXT)[1]
    assert said(agent, MessageKind.USAGE)[-1] == "Used so far: 7 tokens, 0.50"


def test_an_agent_whose_process_dies_goes_on_where_it_was() -> None:
    agent = counting("if number < 3: os.kill(os.getpid(), 9)\n" + RESULT, max_attempts=5)
    run_until(is_in(agent, *ENDED), admitting())
    agent.refresh_from_db()
    assert (agent.status, agent.attempt) == (AgentStatus.COMPLETED, 2)
    assert [text.split()[0] for text in said(agent, MessageKind.TEXT)] == ["1:", "2:", "3:"]


def test_a_session_that_is_gone_is_begun_anew() -> None:
    agent = counting(WRITES + RESULT)
    make_deliverable(agent.workspace, rules={"min_size": 200})
    Agent.objects.filter(pk=agent.pk).update(checkpoint={"session": "s-0"})
    run_until(is_in(agent, *ENDED), admitting())
    agent.refresh_from_db()
    assert (agent.status, agent.attempt, agent.rounds) == (AgentStatus.COMPLETED, 1, 1)
    assert said(agent, MessageKind.ERROR_OUTPUT) == ["No conversation found with session ID s-0"]
    assert [text.split()[0] for text in said(agent, MessageKind.TEXT)] == ["1:", "2:"]


def test_one_that_says_it_failed_is_not_done_though_it_ends_with_0() -> None:
    agent = counting(
        "tell(type='result', subtype='error_during_execution', is_error=True, result='529')\n", max_attempts=1
    )
    run_until(is_in(agent, *ENDED), admitting())
    agent.refresh_from_db()
    assert (agent.status, agent.reason) == (AgentStatus.FAILED, "Claude Code ended with: 529")


def test_what_people_say_waits_for_the_next_run_of_one_that_reads_only_once() -> None:
    agent = counting("import time\ntime.sleep(60 if number == 1 else 0)\n" + RESULT)
    run_until(lambda: bool(said(agent, MessageKind.TEXT)), admitting())
    intents.tell(agent=agent, text="Mind the tariff.", by=Actor.cli(), now=agent.created_at)
    run_until(is_in(agent, *ENDED), admitting())
    agent.refresh_from_db()
    assert agent.status == AgentStatus.COMPLETED
    assert [text.split()[0] for text in said(agent, MessageKind.TEXT)] == ["1:", "2:"]
    assert "Mind the tariff." in said(agent, MessageKind.INSTRUCTION)
