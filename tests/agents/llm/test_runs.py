"""Agents that ask a model, each run a process under a real supervisor; the model counts by what it is told alone."""

import json
import logging
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.actor import Actor
from agents.enums import AgentStatus, MessageKind
from agents.models import Agent, AgentMessage, AgentRun, ObsoleteAgentRecord
from agents.services import intents
from dct_site.kernel.process.sandbox import SandboxLevel, detect
from tests.agents.handlers import RecordingHandler
from tests.agents.llm.asking import CANARY, asking
from tests.agents.llm.wire import Answer, wire
from tests.agents.supervising import admitting, is_in, run_until, said, supervisor
from tests.agents.test_usage import reserve
from tests.factories.agents import make_provider, set_limits
from tests.factories.deliverables import make_deliverable
from tests.factories.workspaces import make_workspace
from workspaces import files
from workspaces.enums import TrustTier

pytestmark = pytest.mark.django_db(transaction=True)
ENDED = (AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED, AgentStatus.WAITING)
SECONDS = 60.0


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    set_limits()
    monkeypatch.setattr("agents.services.endings.BACKOFF", timedelta(milliseconds=20))


def written(number: int) -> Answer:
    """The answer in which it counts one further, into the file that is asked for."""
    return Answer(f"{number}", [("write_file", {"path": "feedback/digest.md", "content": "x" * 100 * number})])


def ended(agent: Agent) -> Agent:
    run_until(is_in(agent, *ENDED), admitting(), seconds=SECONDS)
    agent.refresh_from_db()
    return agent


def test_a_run_asks_works_and_is_done_and_its_key_is_kept_nowhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    leaks = Answer(f"My key is {CANARY}.", [("write_file", {"path": "feedback/digest.md", "content": "hello"})])
    with wire(leaks, Answer("Done.")) as server:
        agent = asking(server.url, instructions="Write a digest.")
        make_deliverable(agent.workspace)
        assert ended(agent).status == AgentStatus.COMPLETED
    assert said(agent, MessageKind.TEXT) == ["My key is •••.", "Done."]
    assert said(agent, MessageKind.TOOL_CALL) == ["write_file"]
    assert AgentRun.objects.get().tokens == 200
    first = server.asked[0][2]
    assert "Write a digest." in json.dumps(first["messages"][0])
    assert "Write a digest." not in json.dumps(first["system"])
    assert "feedback/digest.md" in json.dumps(first["messages"])
    root = files.root_of(agent.workspace)
    kept = json.dumps([[row.text, row.data] for row in AgentMessage.objects.all()], ensure_ascii=False)
    kept += "".join(path.read_text() for path in root.rglob("*") if path.is_file())
    assert CANARY not in kept + caplog.text + "".join(capfd.readouterr()) + json.dumps(agent.checkpoint)


def test_one_that_is_killed_goes_on_exactly_where_it_was() -> None:
    silent = threading.Event()
    answers = [written(1), written(2), Answer("Three.", waits=silent)]
    with wire(*answers) as server:
        agent = asking(server.url, max_attempts=3)
        run_until(lambda: len(server.asked) == 3, admitting(), seconds=SECONDS)  # ends it: DCT is shut down
        agent.refresh_from_db()
        assert (agent.status, agent.attempt) == (AgentStatus.PENDING, 0)
        silent.set()
        assert ended(agent).status == AgentStatus.COMPLETED
    # The third was asked twice, word for word; the first and the second were not asked again.
    assert [body["messages"] for _, _, body in server.asked][2:] == [server.asked[2][2]["messages"]] * 2
    assert said(agent, MessageKind.TEXT) == ["1", "2", "Three."]
    assert AgentRun.objects.count() == 2


@pytest.mark.slow
def test_one_that_is_sent_back_is_told_what_is_missing_and_goes_on() -> None:
    with wire(written(1), Answer("Done."), written(2), Answer("Done again.")) as server:
        agent = asking(server.url)
        make_deliverable(agent.workspace, rules={"min_size": 200})
        assert (ended(agent).status, agent.rounds) == (AgentStatus.COMPLETED, 1)
    assert said(agent, MessageKind.TEXT) == ["1", "Done.", "2", "Done again."]
    assert "You are not done yet. This was missing:" in json.dumps(server.asked[2][2]["messages"][-1])
    assert len(server.asked) == 4


@pytest.mark.slow
def test_one_that_asks_waits_and_goes_on_with_the_answer() -> None:
    with wire(Answer("", [("ask_human", {"question": "Which tariff?"})]), Answer("Thank you.")) as server:
        agent = asking(server.url, "openai_chat")
        assert (ended(agent).status, agent.reason) == (AgentStatus.WAITING, "Which tariff?")
        intents.tell(agent=agent, text="The old one.", by=Actor.cli(), now=agent.created_at)
        run_until(is_in(agent, AgentStatus.COMPLETED), admitting(), seconds=SECONDS)
    assert server.asked[-1][2]["messages"][-1] == {"role": "user", "content": "The old one."}


def test_a_stop_takes_two_seconds_at_most_while_the_model_is_silent() -> None:
    silent = threading.Event()
    with wire(written(1), Answer("Late.", waits=silent)) as server:
        agent = asking(server.url)
        stopped_at: list[float] = []

        def is_over() -> bool:
            if len(server.asked) == 2 and not stopped_at:
                stopped_at.append(time.monotonic())
                intents.stop(agent=agent, by=Actor.cli(), now=agent.created_at, reason="enough")
            return is_in(agent, AgentStatus.STOPPED)()

        run_until(is_over, admitting(), seconds=SECONDS)
        assert time.monotonic() - stopped_at[0] < 2
        silent.set()
    agent.refresh_from_db()
    record = ObsoleteAgentRecord.objects.get()
    assert record.checkpoint == agent.checkpoint != {}
    assert said(agent, MessageKind.TEXT) == ["1"]


@pytest.mark.slow
def test_another_agent_that_is_given_a_record_s_checkpoint_goes_on_where_that_was() -> None:
    with wire(written(1), written(2), Answer("Three.")) as server:
        first = asking(server.url)
        assert ended(first).status == AgentStatus.COMPLETED
        count = len(server.asked)
        second = Agent.objects.create(
            workspace=make_workspace(trust_tier=TrustTier.VERIFIED),
            profile=first.profile,
            checkpoint={"runtime": "llm", "steps": first.checkpoint["steps"][:5]},
            created_at=first.created_at,
        )
        assert ended(second).status == AgentStatus.COMPLETED
    assert said(second, MessageKind.TEXT) == ["Three."]
    assert len(server.asked) == count + 1


def test_what_is_left_of_a_budget_is_looked_at_before_each_question() -> None:
    with wire(written(1), written(2), Answer("Done.")) as server:
        agent = asking(server.url, max_attempts=3)
        reserve(agent, tokens=200)
        assert (ended(agent).status, agent.attempt) == (AgentStatus.FAILED, 1)
        assert len(server.asked) == 2
    assert agent.reason.startswith("It used 200 of 200 tokens that were left for it of its trigger's budget.")
    assert files.read_all(files.root_of(agent.workspace), "feedback/digest.md") == b"x" * 200


def test_what_would_fail_again_is_not_tried_again() -> None:
    with wire(Answer(status=401, raw=b'{"error": {"message": "Not so."}}')) as server:
        agent = asking(server.url, max_attempts=3)
        assert (ended(agent).status, agent.attempt) == (AgentStatus.FAILED, 1)
        assert len(server.asked) == 1
    assert "(401: Not so.)" in agent.reason
    assert AgentRun.objects.get().tokens == 0


@pytest.mark.slow
def test_what_may_pass_is_tried_again_without_losing_what_was_done() -> None:
    seen: list[int] = []

    def script(number: int, _: dict[str, Any]) -> Answer:
        seen.append(number)
        if number == 1 and seen.count(1) <= 3:  # the library asks three times before the run fails
            return Answer(status=429, raw=b"{}", headers={"Retry-After": "0"})
        return [written(1), Answer("Done.")][number]

    with wire(script=script) as server:
        agent = asking(server.url, max_attempts=2)
        assert (ended(agent).status, agent.attempt) == (AgentStatus.COMPLETED, 1)
    assert seen == [0, 1, 1, 1, 1]
    assert said(agent, MessageKind.TEXT) == ["1", "Done."]
    assert len(server.asked) == 5


@pytest.mark.slow
def test_a_provider_that_is_switched_off_or_gone_is_told_in_words() -> None:
    provider = make_provider("http://127.0.0.1:1", name="later", is_enabled=False)
    agent = asking("http://127.0.0.1:1", model=f"{provider.name}:x")
    assert ended(agent).reason.endswith("The provider “later” is switched off.")


@pytest.mark.sandbox
def test_inside_the_sandbox_an_obeying_model_reaches_nothing_outside_even_for_the_open_door() -> None:
    if detect() is not SandboxLevel.BUBBLEWRAP:
        pytest.skip("bubblewrap does not work here")
    sibling = make_workspace()
    files.write_atomic(files.root_of(sibling), "context/canary.txt", b"canary-of-a-sibling")
    outside = files.root_of(sibling) / "context/canary.txt"
    tries = [
        ("read_file", {"path": f"../{sibling.directory}/context/canary.txt"}),
        ("read_file", {"path": str(outside)}),
        ("read_file", {"path": "/proc/self/environ"}),
        ("write_file", {"path": "../planted.txt", "content": "x"}),
        ("write_file", {"path": "context/event.json", "content": "x"}),
        ("search_files", {"text": "canary", "path": ".."}),
        ("write_file", {"path": "feedback/digest.md", "content": "hello"}),
    ]
    with wire(Answer("I obey.", tries), Answer("Done.")) as server:
        agent = asking(server.url, tier=TrustTier.OPEN)
        one = supervisor(level=SandboxLevel.BUBBLEWRAP)
        run_until(is_in(agent, *ENDED), one, seconds=SECONDS)
    agent.refresh_from_db()
    assert agent.status == AgentStatus.COMPLETED, agent.reason
    results = AgentMessage.objects.filter(kind=MessageKind.TOOL_RESULT).order_by("seq")
    assert [row.data.get("is_error", False) for row in results] == [True] * 6 + [False]
    assert "canary-of-a-sibling" not in json.dumps([row.text for row in results])
    assert not Path(files.root_of(agent.workspace).parent / "planted.txt").exists()
