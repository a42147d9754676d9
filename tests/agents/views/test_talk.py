"""A conversation as it is drawn: what a tool was given in a line, and who speaks."""

from typing import Any

import pytest

from agents.enums import AgentStatus, MessageKind
from agents.models import Agent, AgentMessage, AgentProfile
from agents.views.talk import talk_of
from tests.factories.triggers import NOON

pytestmark = pytest.mark.one_pass


def drawn(kind: MessageKind, text: str = "", **data: Any) -> dict[str, Any]:
    agent = Agent(profile=AgentProfile(name="Coder"), status=AgentStatus.COMPLETED)
    (shown,) = talk_of(agent, [AgentMessage(seq=1, kind=kind, text=text, data=data, at=NOON)])["messages"]
    found: dict[str, Any] = shown
    return found


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"q": "503"}, "503"),
        ({"command": "ls", "description": "Lists files"}, "ls"),
        ({"new_string": "b", "file_path": "a.py"}, "a.py"),
        ({"x": 1, "y": "ü"}, '{"x": 1, "y": "ü"}'),
        ({}, "{}"),
        ("words", "words"),
        (None, "read"),
    ],
)
def test_of_what_a_tool_is_given_that_is_shown_which_says_most(given: Any, argument: str) -> None:
    (call,) = drawn(MessageKind.TOOL_CALL, "read", name="read", input=given)["calls"]
    assert (call["name"], call["argument"]) == ("read", argument)


def test_thinking_is_no_answer() -> None:
    assert drawn(MessageKind.TEXT, "Hm.", is_thinking=True)["name"] == "Coder, thinking"
    assert drawn(MessageKind.TEXT, "So.")["name"] == "Coder"


def test_of_what_a_run_used_only_its_last_word_is_drawn() -> None:
    agent = Agent(profile=AgentProfile(name="Coder"), status=AgentStatus.COMPLETED)
    said = [
        (1, MessageKind.USAGE, "1 token"),
        (1, MessageKind.TEXT, "At work."),
        (1, MessageKind.USAGE, "2 tokens"),
        (1, MessageKind.GATE, "Not done yet."),
        (2, MessageKind.USAGE, "3 tokens"),
        (2, MessageKind.TEXT, "Again."),
        (2, MessageKind.USAGE, "4 tokens"),
    ]
    rows = [
        AgentMessage(seq=seq, run_id=run, kind=kind, text=text, at=NOON)
        for seq, (run, kind, text) in enumerate(said, 1)
    ]
    drawn_ = talk_of(agent, rows)
    assert [one["text"] for one in drawn_["messages"]] == [
        "At work.",
        "2 tokens",
        "Not done yet.",
        "Again.",
        "4 tokens",
    ]
    assert drawn_["last_id"] == 7


def test_what_a_run_used_so_far_is_drawn_anew_while_it_works() -> None:
    agent = Agent(profile=AgentProfile(name="Coder"), status=AgentStatus.RUNNING)
    rows = [
        AgentMessage(seq=seq, run_id=1, kind=kind, text=str(seq), at=NOON)
        for seq, kind in enumerate((MessageKind.TEXT, MessageKind.USAGE, MessageKind.TEXT, MessageKind.USAGE), 1)
    ]
    first, later = talk_of(agent, rows[:2]), talk_of(agent, rows)
    assert (first["streaming"]["text"], first["last_id"]) == ("2", 1)
    assert ([one["text"] for one in later["messages"]], later["streaming"]["text"]) == (["1", "3"], "4")


def test_where_nothing_is_new_nothing_is_drawn() -> None:
    agent = Agent(profile=AgentProfile(name="Coder"), status=AgentStatus.RUNNING)
    assert talk_of(agent, []) == {"messages": [], "streaming": None, "last_id": 0}
