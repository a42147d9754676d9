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
