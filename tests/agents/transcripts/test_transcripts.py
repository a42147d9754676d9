"""Transcripts of other people's programs: what is understood, and that nothing of the rest is lost."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.enums import MessageKind as K
from agents.enums import TranscriptKind
from agents.ready import READY
from agents.runtimes import Said, Signal
from agents.runtimes.lines import TEXT_LIMIT
from agents.runtimes.transcripts import transcripts
from tests.agents.transcripts.sessions import SESSIONS, lines

pytestmark = pytest.mark.one_pass


def heard(kind: str, session: Sequence[str]) -> list[Said]:
    listener = transcripts.get(kind).listener()
    return [listener.hear(line, is_error=False) for line in session]


def told(kind: str, session: Sequence[str]) -> list[tuple[str, str]]:
    return [(message.kind, message.text) for said in heard(kind, session) for message in said.messages]


def test_every_kind_of_transcript_is_registered_and_each_ready_program_has_one() -> None:
    assert set(TranscriptKind.values) == set(transcripts) == {program.transcript for program in READY}
    for kind, transcript in transcripts.items():
        assert transcript.kind == kind


def test_a_session_of_claude_code() -> None:
    found = heard("claude_code", SESSIONS["claude_code"])
    assert [(message.kind, message.text) for said in found for message in said.messages] == [
        (K.SYSTEM, "Claude Code began with claude-sonnet-5."),
        (K.USAGE, "Used so far: 8,100 tokens"),
        (K.TEXT, "First the instructions."),
        (K.TEXT, "I read the instructions."),
        (K.TOOL_CALL, "Read"),
        (K.TOOL_RESULT, "# Retry on 503"),
        (K.USAGE, "Used so far: 16,200 tokens"),
        (K.TOOL_CALL, "Bash"),
        (K.TOOL_RESULT, "exit 1"),
        (K.TEXT, "Done."),
        (K.USAGE, "Used so far: 8,113 tokens, 0.0731"),
    ]
    assert found[1].messages[1].data == {"is_thinking": True}
    assert found[3].messages[0].data == {"name": "Read", "input": {"file_path": "../context/item.md"}}
    assert found[6].messages[0].data == {"is_error": True}
    assert found[-1].messages[0].data == {"tokens": 8_113, "money": 73_100}
    assert {said.session for said in found} == {"", "7c1f0a52-6d1e-4f7e-9a35-2f0c5be1a001"}
    assert not [said for said in found if said.signal]


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ({"subtype": "success", "is_error": True, "result": "API Error: 529 overloaded"}, "API Error: 529 overloaded"),
        ({"subtype": "error_max_turns", "is_error": False}, "error max turns"),
        ({"subtype": 7, "is_error": True}, "an error"),
    ],
)
def test_claude_code_says_that_it_failed(result: dict[str, object], why: str) -> None:
    (said,) = heard("claude_code", lines({"type": "result", **result}))
    assert (said.signal, said.messages[-1].text) == (Signal.FAILED, f"Claude Code ended with: {why}")


def test_a_session_of_codex() -> None:
    found = heard("codex", SESSIONS["codex"])
    assert [(message.kind, message.text) for said in found for message in said.messages] == [
        (K.SYSTEM, "Codex began."),
        (K.TEXT, "**Reading the file**"),
        (K.TOOL_CALL, "command"),
        (K.TOOL_RESULT, "ls: cannot open directory\n"),
        (K.TOOL_CALL, "file_change"),
        (K.TOOL_RESULT, "completed"),
        (K.TOOL_CALL, "docs.search"),
        (K.TOOL_RESULT, "Two pages."),
        (K.TOOL_CALL, "web_search"),
        (K.TEXT, "The note is written."),
        (K.USAGE, "Used so far: 24,885 tokens"),
    ]
    assert found[4].messages[0].data == {"exit_code": 2, "is_error": True}
    assert found[5].messages[0].data == {"name": "file_change", "input": "add feedback/note.md"}
    assert [said.session for said in found if said.session] == ["7c1f0a52-6d1e-4f7e-9a35-2f0c5be1a001"]


def test_a_turn_of_codex_that_failed_is_the_end_and_an_error_before_is_not() -> None:
    said, failed = heard(
        "codex",
        lines(
            {"type": "error", "message": "stream disconnected, retrying 1/5"},
            {"type": "turn.failed", "error": {"message": "exceeded retry limit"}},
        ),
    )
    assert (said.signal, said.messages[0].text) == (None, "Codex: stream disconnected, retrying 1/5")
    assert (failed.signal, failed.messages[-1].text) == (Signal.FAILED, "Codex: exceeded retry limit")


def test_a_session_of_openhands() -> None:
    assert told("openhands", SESSIONS["openhands"]) == [
        (K.TEXT, "The page comes first."),
        (K.TOOL_CALL, "write"),
        (K.TOOL_RESULT, "File created successfully"),
        (K.TOOL_CALL, "run"),
        (K.TOOL_RESULT, "No such file"),
        (K.TEXT, "It is written."),
    ]


def test_what_aider_used_is_summed_up() -> None:
    found = told("aider", SESSIONS["aider"])
    assert [text for kind, text in found if kind == K.OUTPUT] == SESSIONS["aider"]
    assert [text for kind, text in found if kind == K.USAGE] == [
        "Used so far: 4,333 tokens",
        "Used so far: 0.01",
        "Used so far: 17,466 tokens",
        "Used so far: 0.05",
    ]


@pytest.mark.parametrize("line", ["Tokens: many sent", "Tokens: 1.2.3k sent, 7 received.", "Tokens: " + "9" * 5_000])
def test_a_line_of_aider_that_only_looks_like_usage_is_output(line: str) -> None:
    assert told("aider", [line])[0] == (K.OUTPUT, line)


# Going on


def test_each_goes_on_in_its_own_words() -> None:
    resumed = {
        kind: transcript.argv(("program", "-"), "abc")[1:] if transcript.argv(("program", "-"), "abc") else ()
        for kind, transcript in transcripts.items()
    }
    assert resumed == {
        "aider": ("-", "--restore-chat-history"),
        "claude_code": ("-", "--resume", "abc"),
        "codex": ("resume", "abc", "-"),
        "lines": ("-",),
        "openhands": ("-",),
    }
    for transcript in transcripts:
        assert transcripts.get(transcript).argv(("program", "-"), "") == ("program", "-")


def test_who_is_prompted_reads_to_the_end_and_nothing_from_outside() -> None:
    for kind in ("claude_code", "codex"):
        first, again = transcripts.get(kind).prompt(""), transcripts.get(kind).prompt("abc")
        assert first
        assert again
        assert first != again
        assert "../context/run/instructions.md" in first
        assert "../context/run/instructions.md" in again
    assert [transcripts.get(kind).prompt("") for kind in ("aider", "openhands", "lines")] == ["", "", None]


@pytest.mark.parametrize("name", ["--dangerously-skip-permissions", "a b", "", "x" * 201, "a\n", 7, None])
def test_a_session_that_is_no_single_word_is_none(name: object) -> None:
    """It becomes a word of the next start: nothing that a program could take for an option of its own."""
    init = {"type": "system", "subtype": "init", "session_id": name}
    assert heard("claude_code", lines(init))[0].session == ""
    assert heard("codex", lines({"type": "thread.started", "thread_id": name}))[0].session == ""


# Cut, corrupted and unknown


@pytest.mark.parametrize("kind", SESSIONS)
def test_what_is_not_understood_is_kept_word_for_word(kind: str) -> None:
    strange = [
        "",
        "words",
        "{",
        '{"type": "new.thing"}',
        '{"type": 7}',
        "[1]",
        '{"a": 1e400}',
        "{" * 5_000,
        '{"type": []}',
    ]
    assert told(kind, strange) == [(K.OUTPUT, line) for line in strange]
    said = transcripts.get(kind).listener().hear(SESSIONS[kind][0], is_error=True)
    assert [(message.kind, message.text) for message in said.messages] == [(K.ERROR_OUTPUT, SESSIONS[kind][0])]


@pytest.mark.parametrize("kind", SESSIONS)
def test_a_line_that_is_cut_anywhere_is_output(kind: str) -> None:
    for line in SESSIONS[kind]:
        if line.startswith("{"):
            for end in range(1, len(line), 7):
                assert told(kind, [line[:end]]) == [(K.OUTPUT, line[:end])]


JUNK = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    JUNK, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@pytest.mark.parametrize("kind", SESSIONS)
@given(data=st.data())
@settings(max_examples=60)
def test_a_corrupted_session_is_understood_as_far_as_it_goes(kind: str, data: st.DataObject) -> None:
    """Any value of any line may be something else: no line raises, and what is kept can be stored."""
    session = [data.draw(_corrupted(line)) for line in data.draw(st.permutations(SESSIONS[kind]))]
    for said in heard(kind, session):
        assert all(len(message.text) <= TEXT_LIMIT + 20 for message in said.messages)
        json.dumps([dict(message.data) for message in said.messages], allow_nan=False)
        if said.signal is Signal.FAILED:
            assert said.messages[-1].text


@st.composite
def _corrupted(draw: st.DrawFn, line: str) -> str:
    if not line.startswith("{"):
        return draw(st.text(max_size=30)) + line + draw(st.text(max_size=30))
    value: Any = json.loads(line)
    at = value
    while at:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if draw(st.booleans()) or not isinstance(at[key], dict | list):
            at[key] = draw(VALUES)
            break
        at = at[key]
    return json.dumps(value)


@pytest.mark.parametrize("kind", ["claude_code", "codex", "openhands"])
def test_a_huge_line_is_bounded(kind: str) -> None:
    huge: dict[str, dict[str, Any]] = {
        "claude_code": {"type": "assistant", "message": {"content": [{"type": "tool_use", "input": "x" * 900_000}]}},
        "codex": {"type": "item.completed", "item": {"type": "agent_message", "text": "x" * 900_000}},
        "openhands": {"type": "observation", "content": "x" * 900_000},
    }
    (said,) = heard(kind, lines(huge[kind]))
    assert len(said.messages[0].text) + len(json.dumps(dict(said.messages[0].data))) < 2 * TEXT_LIMIT
