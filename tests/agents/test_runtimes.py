"""Runtimes: what they start and how they read lines; the digest program over real files."""

import json
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from agents.enums import MessageKind, RuntimeKind
from agents.runtimes import Assignment, CannotRun, Signal, runtimes
from agents.runtimes import digest as digest_runtime
from agents.runtimes.digest import program
from agents.runtimes.lines import CUT, TEXT_LIMIT, parse_line
from agents.supervisor import words
from dct_site.kernel.process.frames import Exit, ExitReason, StartFailure

pytestmark = pytest.mark.one_pass


def test_every_kind_of_runtime_is_registered() -> None:
    assert set(RuntimeKind.values) == set(runtimes)
    for kind, runtime in runtimes.items():
        assert runtime.kind == kind


# Lines


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        ('{"type": "text", "text": "hello"}', MessageKind.TEXT, "hello"),
        ('{"type": "tool_call", "name": "read_file", "input": {}}', MessageKind.TOOL_CALL, "read_file"),
        ('{"type": "tool_result", "text": "12 bytes"}', MessageKind.TOOL_RESULT, "12 bytes"),
        ("plain words", MessageKind.OUTPUT, "plain words"),
        ('{"type": "unknown"}', MessageKind.OUTPUT, '{"type": "unknown"}'),
        ('{"type": ', MessageKind.OUTPUT, '{"type": '),
        ('{"type": "text", "text": 7}', MessageKind.TEXT, ""),
        ('{"a": 1e400}', MessageKind.OUTPUT, '{"a": 1e400}'),
        ("nul \0 here", MessageKind.OUTPUT, "nul \ufffd here"),
        ("{" * 5_000, MessageKind.OUTPUT, "{" * 5_000),
    ],
)
def test_a_line_is_typed_or_kept_as_it_is(line: str, kind: MessageKind, text: str) -> None:
    said = parse_line(line, is_error=False)
    assert [(message.kind, message.text) for message in said.messages] == [(kind, text)]
    assert said.signal is None


def test_what_stands_on_standard_error_is_never_typed() -> None:
    said = parse_line('{"type": "done"}', is_error=True)
    assert (said.messages[0].kind, said.signal) == (MessageKind.ERROR_OUTPUT, None)


@pytest.mark.parametrize(
    ("line", "signal", "texts"),
    [
        ('{"type": "done"}', Signal.DONE, []),
        ('{"type": "done", "text": "bye"}', Signal.DONE, ["bye"]),
        ('{"type": "question", "text": "Which?"}', Signal.QUESTION, ["Which?"]),
    ],
)
def test_signals_are_heard(line: str, signal: Signal, texts: list[str]) -> None:
    said = parse_line(line, is_error=False)
    assert (said.signal, [message.text for message in said.messages]) == (signal, texts)


def test_long_texts_and_data_are_cut_and_say_so() -> None:
    long = "x" * (TEXT_LIMIT + 1)
    assert parse_line(long, is_error=False).messages[0].text.endswith(CUT)
    data = parse_line(json.dumps({"type": "text", "text": "", "more": long}), is_error=False).messages[0].data
    assert list(data) == ["cut"]
    small = parse_line('{"type": "tool_call", "name": "n", "input": {"a": 1}}', is_error=False).messages[0].data
    assert small == {"name": "n", "input": {"a": 1}}


# Commands


@pytest.mark.parametrize("argv", [(), ("a\0b",)])
def test_a_program_without_words_cannot_run(argv: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(CannotRun):
        runtimes.get("command").prepare(Assignment(agent_id=1, epoch=1, root=tmp_path, argv=argv))


def test_fixed_variables_never_replace_those_of_dct(tmp_path: Path) -> None:
    fixed = {"HOME": "/root", "DCT_WORKSPACE": "/", "PATH": "/opt", "A": "b", "": "x", "C=D": "x"}
    launch = runtimes.get("command").prepare(Assignment(1, 1, tmp_path, ("true",), fixed))
    assert launch.env["HOME"] == str(tmp_path / "work")
    assert launch.env["DCT_WORKSPACE"] == str(tmp_path)
    assert (launch.env["PATH"], launch.env["A"]) == ("/opt", "b")
    assert not {"", "C=D"} & set(launch.env)


# Words


@pytest.mark.parametrize("reason", [reason for reason in ExitReason if reason is not ExitReason.NOT_STARTED])
def test_every_end_of_a_run_has_a_sentence(reason: ExitReason) -> None:
    assert words.why_it_ended(Exit(reason=reason, code=3)).endswith(".")


@pytest.mark.parametrize(
    ("exit_", "sentence"),
    [
        (Exit(reason=ExitReason.EXITED, signal=9), "The program was ended by signal 9."),
        (Exit(reason=ExitReason.NOT_STARTED, failure=StartFailure.NO_DIRECTORY), "The workspace's directory is gone."),
        (
            Exit(reason=ExitReason.NOT_STARTED, failure=StartFailure.NOT_EXECUTABLE, detail="It is not executable."),
            "The program could not be started. It is not executable.",
        ),
    ],
)
def test_a_run_that_did_not_work_says_why(exit_: Exit, sentence: str) -> None:
    assert words.why_it_ended(exit_) == sentence


# The digest


def digest(root: Path, **context: Any) -> tuple[str, list[dict[str, Any]]]:
    """Write a context, run the program, return the page and what it told."""
    (root / "context/run").mkdir(parents=True, exist_ok=True)
    (root / "work").mkdir(exist_ok=True)
    for name, value in context.items():
        path = root / "context" / ("run/run.json" if name == "run" else f"{name}.json")
        path.write_text(value if isinstance(value, str) else json.dumps(value))
    with redirect_stdout(StringIO()) as out:
        assert program.main(str(root)) == 0
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    return (root / "feedback/digest.md").read_text(), told


EVENT = {"source": "github", "type": "pull_request.closed", "actor": "alice", "time": "2026-11-20T12:00:00Z"}


def test_a_digest_tells_what_changed_who_when_and_what_is_open(tmp_path: Path) -> None:
    page, told = digest(
        tmp_path,
        event={
            **EVENT,
            "facts": {"text": "Looks good. Who merges it? And when?"},
            "changes": {"reviewer": ["ann", "bob"], "odd": ["one"]},
        },
        item={
            "key": "o/r#1",
            "title": "Fix it",
            "state": {"status": "closed", "labels": ["x", "y"], "draft": False, "base": {"b": 1, "a": 2}},
        },
        previous={"state": {"status": "open", "draft": False}},
        run={"asked": ["Say what matters."]},
    )
    assert page.startswith("# Digest: Fix it\n")
    assert "| status | open | closed |" in page
    assert "| labels | – | x, y |" in page
    assert "| reviewer | ann | bob |" in page
    assert '| base | \\{"a"\\: 2, "b"\\: 1\\} |' in page
    assert "odd" not in page
    assert "| draft | no |" in page
    assert "1. Who merges it?\n2. And when?" in page
    assert "* Say what matters" in page
    kinds = [line["type"] for line in told]
    assert kinds[0] == "tool_call"
    assert kinds[-1] == "done"
    assert {"text", "tool_call", "tool_result"} < set(kinds)


NAUGHTY = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/?leak)",
    "# A heading\n\n- a list",
    "a | b\n| --- |",
    "`code` *bold* _under_ ~strike~ > quote",
    "https://evil.example/ and www.evil.example",
    "&lt;img src=x&gt;",
    "\u202egnp.exe \u200b \x1b[31m",
    "<!-- hidden -->",
]


@pytest.mark.parametrize("text", NAUGHTY)
def test_text_from_outside_stays_text(tmp_path: Path, text: str) -> None:
    page, _ = digest(
        tmp_path,
        event={**EVENT, "actor": text, "facts": {"text": text, "title": text}},
        item={"title": text, "key": text, "url": text, "state": {text: text, "list": [text]}},
        previous={},
        run={"asked": [text], "gate": [text], "deliverables": []},
    )
    unescaped = page.replace("\\\\", "")
    for mark in ("<script", "<img", "<!--", "](", "![", "`code`", "*bold*", "https://", "www.", "\x1b", "\u202e"):
        assert mark not in unescaped
    ours = [line for line in page.splitlines() if line.startswith("#")]
    assert all(line.startswith(("## ", "# Digest: ")) for line in ours)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(row.replace("\\|", "").count("|") in (3, 4) for row in rows)


def test_the_program_needs_nothing_but_the_standard_library_and_its_directory(tmp_path: Path) -> None:
    page, told = digest(tmp_path, event=EVENT)
    (tmp_path / "feedback/digest.md").unlink()
    argv = runtimes.get("digest").prepare(Assignment(1, 1, tmp_path)).argv
    ran = subprocess.run(argv, capture_output=True, check=True, env={})
    assert (tmp_path / "feedback/digest.md").read_text() == page
    assert [json.loads(line) for line in ran.stdout.decode().splitlines()] == told


def test_a_digest_of_nothing_is_still_a_page(tmp_path: Path) -> None:
    page, told = digest(tmp_path, item="not json", run=[])
    assert "No field of it is known to have changed" in page
    assert "Nobody asked a question" in page
    assert [line["text"] for line in told if line["type"] == "tool_result"].count("not there") == 2


def test_a_digest_that_was_sent_back_adds_what_was_missing(tmp_path: Path) -> None:
    run = {
        "gate": ["digest: feedback/digest.md holds nothing that matches ^## Risks"],
        "deliverables": [
            {"kind": "file_created", "target": "feedback/digest.md", "rules": {"pattern": "(?m)^## Risks"}},
            {"kind": "file_created", "target": "feedback/more.md", "rules": {"pattern": "[0-9]{3}"}},
            {"kind": "file_created", "target": "../../outside.md", "rules": {}},
            {"kind": "file_edited", "target": "work/a.md", "rules": {}},
        ],
    }
    page, _ = digest(tmp_path, event={**EVENT, "data": {"pull_request": {"number": 7}}}, run=run)
    assert "\n## Risks\n" in page
    assert "| event\\.pull\\_request\\.number | 7 |" in page
    assert (tmp_path / "feedback/more.md").read_text() == page
    assert not (tmp_path.parent.parent / "outside.md").exists()
    assert not (tmp_path / "work/a.md").exists()


def test_long_values_texts_and_tables_are_cut(tmp_path: Path) -> None:
    state = {f"field {number}": "x" * 1_000 for number in range(300)}
    page, _ = digest(tmp_path, event={**EVENT, "facts": {"text": "y" * 5_000}}, item={"state": state})
    assert "and 100 more." in page
    assert "and 3,000 more characters" in page
    assert "x" * 401 not in page


def test_the_program_is_put_back_where_a_sandbox_would_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_runtime, "PROGRAM", Path("/tmp/checkout/agents/program.py"))
    launch = digest_runtime.DigestRuntime().prepare(Assignment(1, 1, tmp_path))
    assert Path("/tmp/checkout/agents") in launch.readonly
    assert sys.base_prefix in {str(path) for path in launch.readonly}
