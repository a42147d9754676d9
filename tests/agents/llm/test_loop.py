"""The loop of a run, with pydantic-ai's own models for tests: what it asks, does, keeps and tells, and how it ends."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import models
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel as CallsEveryTool
from pydantic_ai.usage import RequestUsage

from agents.runtimes.llm.bounds import bounds_of
from agents.runtimes.llm.listener import MOST_KEPT, LlmListener, steps_of
from agents.runtimes.llm.program import history, words
from agents.runtimes.llm.program.run import run
from agents.runtimes.port import Signal

pytestmark = pytest.mark.one_pass
Script = Callable[[list[ModelMessage], AgentInfo], ModelResponse]
Calls = Sequence[tuple[str, Any]]


@pytest.fixture(autouse=True)
def _nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)


@dataclass
class Bench:
    """A workspace, and what runs in it told; ``steps`` is what the listener would keep."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    asked: list[str] = field(default_factory=lambda: ["Count to three."])
    gate: list[str] = field(default_factory=list)
    round: int = 0
    base_url: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    left: dict[str, int | None] = field(default_factory=lambda: {"tokens": None, "money": None})
    permissions: dict[str, Any] = field(default_factory=dict)

    def run(self, script: Script | models.Model) -> int:
        """One run, as the runtime starts it, but in this process."""
        told = {"asked": self.asked, "gate": self.gate, "round": self.round, "deliverables": []}
        (self.root / "context/run/run.json").write_text(json.dumps(told))
        (self.root / "context/run/instructions.md").write_text("# What you are asked to do\n" + "\n".join(self.asked))
        task = {
            "root": str(self.root),
            "model": {
                "provider": "scripted",
                "api": "anthropic",
                "base_url": self.base_url,
                "model": "counts",
                "key": "k",
            },
            "bounds": asdict(bounds_of(self.permissions)),
            "left": self.left,
            "steps": self.steps,
        }
        model = script if isinstance(script, models.Model) else FunctionModel(script)
        code = asyncio.run(run(task, model))
        self.lines = [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]
        listener = LlmListener(self.steps)
        for line in self.lines:
            said = listener.hear(json.dumps(line), is_error=False)
            if said.checkpoint is not None:
                self.steps = steps_of(json.loads(json.dumps(said.checkpoint)))
        return code

    def told(self, *kinds: str) -> list[str]:
        return [str(line.get("text", "")) for line in self.lines if line["type"] in kinds]

    @property
    def end(self) -> dict[str, Any]:
        return self.lines[-1]


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    for name in ("context/run", "feedback", "work"):
        (tmp_path / name).mkdir(parents=True)
    return Bench(tmp_path, capsys)


def says(text: str = "", calls: Calls = (), **over: Any) -> ModelResponse:
    parts: list[Any] = [TextPart(text)] if text else []
    parts += [ToolCallPart(name, given, tool_call_id=f"c{number}") for number, (name, given) in enumerate(calls)]
    values = {"usage": RequestUsage(input_tokens=90, output_tokens=10), "finish_reason": "stop", **over}
    return ModelResponse(parts=parts, **values)


def given_before(messages: list[ModelMessage]) -> int:
    return sum(isinstance(one, ModelResponse) for one in messages)


def counts(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Writes 1, 2 and 3 into files, one an answer, knowing its number from the conversation alone."""
    number = given_before(messages) + 1
    if number > 3:
        return says("I counted to three.")
    return says(f"{number}", [("write_file", {"path": f"work/{number}.txt", "content": str(number)})])


def shapes(steps: list[str]) -> list[Any]:
    """The conversation without its times and names of runs."""
    return [
        [(type(part).__name__, getattr(part, "content", getattr(part, "args", ""))) for part in message.parts]
        for message in history.opened(steps).messages
    ]


# What it does


def test_it_asks_does_keeps_and_tells_until_it_is_done(bench: Bench) -> None:
    assert bench.run(counts) == 0
    assert [(bench.root / f"work/{number}.txt").read_text() for number in (1, 2, 3)] == ["1", "2", "3"]
    assert bench.told("text") == ["1", "2", "3", "I counted to three."]
    assert [line["tokens"] for line in bench.lines if line["type"] == "usage"] == [100, 200, 300, 400]
    assert bench.end == {"type": "done"}
    kinds = [line["type"] for line in bench.lines]
    assert kinds[:6] == ["step", "usage", "text", "step", "tool_call", "tool_result"]
    first = history.opened(bench.steps).messages[0]
    assert [type(part) for part in first.parts] == [SystemPromptPart, UserPromptPart]
    assert [getattr(part, "content", "") for part in first.parts] == [
        words.ROLE,
        "# What you are asked to do\nCount to three.",
    ]


def test_a_model_that_calls_every_tool_at_once_is_answered(bench: Bench) -> None:
    bench.permissions = {"tools": ["list_files", "read_file", "write_file"]}
    assert bench.run(CallsEveryTool()) == 0
    assert [line["name"] for line in bench.lines if line["type"] == "tool_call"] == [
        "list_files",
        "read_file",
        "write_file",
    ]
    assert bench.end == {"type": "done"}


def test_tools_that_a_profile_does_not_allow_are_neither_offered_nor_done(bench: Bench) -> None:
    bench.permissions = {"tools": ["read_file"]}
    offered: list[str] = []

    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        offered.extend(tool.name for tool in info.function_tools)
        return counts(messages, info) if given_before(messages) < 1 else says("Then not.")

    assert bench.run(script) == 0
    assert offered == ["read_file"] * 2
    assert not (bench.root / "work/1.txt").exists()
    assert bench.told("tool_result") == ["There is no tool “write_file”; there are read_file."]


def test_what_it_thinks_is_told_as_such_and_arguments_that_are_none_are_answered(bench: Bench) -> None:
    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if given_before(messages):
            return says("Done.")
        return ModelResponse(parts=[ThinkingPart("Hm."), ToolCallPart("read_file", '{"path": ')])

    assert bench.run(script) == 0
    assert next(line for line in bench.lines if line["type"] == "text") == {
        "type": "text",
        "text": "Hm.",
        "is_thinking": True,
    }
    assert bench.told("tool_result") == ["The arguments are no JSON object."]


def test_more_calls_than_one_answer_may_have_are_not_done(bench: Bench) -> None:
    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        calls = [("write_file", {"path": f"work/{number}", "content": ""}) for number in range(40)]
        return says("", calls) if not given_before(messages) else says("Done.")

    assert bench.run(script) == 0
    assert len(list((bench.root / "work").iterdir())) == 32


# Going on


@pytest.mark.parametrize("kept", range(9))
def test_a_run_that_dies_after_any_step_goes_on_exactly_where_it_was(bench: Bench, kept: int) -> None:
    bench.run(counts)
    whole = bench.steps
    assert len(whole) == 8
    for path in (bench.root / "work").iterdir():
        path.unlink()
    bench.steps = whole[:kept]
    asked: list[int] = []

    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        asked.append(given_before(messages) + 1)
        return counts(messages, info)

    assert bench.run(script) == 0
    before = kept // 2
    # Nothing is asked again that was answered; a call whose answer was not kept is done again.
    assert asked == list(range(before + 1, 5)) if kept < 8 else asked == [5]
    assert sorted(path.name for path in (bench.root / "work").iterdir()) == [
        f"{number}.txt" for number in range(max(1, (kept - 1) // 2 + 1), 4)
    ]
    if kept < 8:
        assert shapes(bench.steps) == shapes(whole)


def test_one_that_the_gate_sent_back_is_told_what_was_missing_once(bench: Bench) -> None:
    bench.run(counts)
    bench.round, bench.gate = 1, ["feedback/a.md is not there."]
    bench.run(lambda messages, info: says("I see."))
    assert shapes(bench.steps)[-2] == [("UserPromptPart", words.missing(bench.gate))]
    bench.run(lambda messages, info: says("Nothing new."))
    assert shapes(bench.steps)[-2] == [("UserPromptPart", words.GO_ON)]
    bench.round, bench.gate = 2, ["It is too short."]
    bench.run(lambda messages, info: says("Longer."))
    assert shapes(bench.steps)[-2] == [("UserPromptPart", words.missing(bench.gate))]


def test_a_question_ends_the_run_and_its_answer_is_told_once(bench: Bench) -> None:
    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if given_before(messages) == 0:
            return says("", [("ask_human", {"question": "Which colour?"})])
        said = [part.content for message in messages for part in message.parts if isinstance(part, UserPromptPart)]
        return says(f"Heard: {said[1:]}")

    assert bench.run(script) == 0
    assert bench.end == {"type": "question", "text": "Which colour?"}
    bench.asked += ["Red.", "Red."]
    assert bench.run(script) == 0
    assert bench.told("text") == ["Heard: ['Red.\\n\\nRed.']"]
    bench.asked += ["Red."]
    assert bench.run(script) == 0
    assert bench.told("text") == ["Heard: ['Red.\\n\\nRed.', 'Red.']"]


def test_a_conversation_that_cannot_be_read_is_begun_anew_and_says_so(bench: Bench) -> None:
    bench.steps = ["bm9uc2Vuc2U="]
    assert bench.run(counts) == 0
    assert bench.told("text")[0].startswith("I begin anew with the files that are there")
    assert len(history.opened(bench.steps).messages) == 8


@pytest.mark.parametrize("state", ["!", "eJwDAAAAAAE=", "", "eNqrVspNLS5OTE9VsoqO1QEAJm8FNQ=="])
def test_what_is_no_step_is_refused_in_one_way(state: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        history.opened([state])


def test_the_listener_keeps_no_more_than_it_may() -> None:
    listener = LlmListener([])
    large = json.dumps({"type": "step", "at": 0, "state": "x" * 600_000})
    assert listener.hear(large, is_error=False).checkpoint is not None
    said = listener.hear(json.dumps({"type": "step", "at": 1, "state": "x" * (MOST_KEPT - 500_000)}), is_error=False)
    assert said.checkpoint is None
    assert "too large to keep" in said.messages[0].text
    assert steps_of({"runtime": "llm", "steps": "nonsense"}) == steps_of({"session": "s-1"}) == []
    hopeless = listener.hear('{"type": "failed", "text": "No key.", "is_hopeless": true}', is_error=False)
    assert (hopeless.signal, hopeless.messages[-1].text) == (Signal.HOPELESS, "No key.")
    assert listener.hear('{"type": "failed"}', is_error=False).signal is Signal.FAILED
    assert listener.hear(large, is_error=True).checkpoint is None


# Limits and ends


def never(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    return says("", [("list_files", {})])


@pytest.mark.parametrize(
    ("permissions", "left", "asked", "said"),
    [
        ({"max_requests": 2}, {}, 2, "It asked 2 times, as often as its profile allows a run."),
        ({"max_tokens": 250}, {}, 3, "It used 300 tokens of 250 that its profile allows a run."),
        ({}, {"tokens": 200}, 2, "It used 200 of 200 tokens that were left for it of its trigger's budget."),
        ({}, {"tokens": 0}, 0, "It used 0 of 0 tokens"),
        ({}, {"money": 0}, 0, "It used all the money that was left"),
        ({}, {"money": 10}, 1, "What the model costs is not known, so a budget of money cannot be kept."),
    ],
)
def test_nothing_is_asked_beyond_the_limits(
    bench: Bench, permissions: dict[str, Any], left: dict[str, int | None], asked: int, said: str
) -> None:
    bench.permissions, bench.left = permissions, bench.left | left
    calls: list[int] = []

    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        calls.append(1)
        return never(messages, info)

    assert bench.run(script) == 1
    assert len(calls) == asked
    assert (bench.end["type"], bench.end["is_hopeless"]) == ("failed", True)
    assert bench.end["text"].startswith(said)
    assert len(bench.steps) == 1 + 2 * asked  # the work is kept


def test_a_model_that_does_not_say_what_it_uses_has_no_budget_of_tokens(bench: Bench) -> None:
    bench.left["tokens"] = 1_000
    silent = says("", [("list_files", {})], usage=RequestUsage(), model_name="silent")
    assert bench.run(Silent(silent)) == 1
    assert "does not say what tokens it uses" in bench.end["text"]
    assert not [line for line in bench.lines if line["type"] == "usage"]


def test_where_no_price_is_known_a_budget_of_money_asks_nothing(bench: Bench) -> None:
    bench.left["money"], bench.base_url = 1_000_000, "http://127.0.0.1:1"
    assert bench.run(Silent(says("Done."))) == 1
    assert "What the model costs is not known" in bench.end["text"]
    assert len(bench.steps) == 1
    bench.left["money"] = None
    assert bench.run(Silent(says("Done.", model_name="gpt-4o-mini", provider_name="openai"))) == 0
    assert [set(line) for line in bench.lines if line["type"] == "usage"] == [{"type", "tokens"}]


def test_what_a_known_model_costs_is_told(bench: Bench) -> None:
    usage = RequestUsage(input_tokens=1_000_000, output_tokens=0)
    answer = says("Done.", usage=usage, model_name="gpt-4o-mini", provider_name="openai")
    assert bench.run(Silent(answer)) == 0
    told = [line for line in bench.lines if line["type"] == "usage"]
    assert float(told[0]["money"]) == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("response", "said", "is_hopeless"),
    [
        (says("Half a sen", finish_reason="length"), "cut off at 8,192 tokens. Raise “max_answer_tokens”", True),
        (says("", [("write_file", '{"path": "wo')], finish_reason="length"), "cut off at 8,192 tokens", True),
        (says("No.", finish_reason="content_filter"), "withheld its answer", True),
        (says("Oh.", finish_reason="error"), "broke its answer off", False),
        (says(), "The model answered nothing.", False),
        (says("  \n"), "The model answered nothing.", False),
    ],
)
def test_an_answer_that_is_none_is_never_a_success(
    bench: Bench, response: ModelResponse, said: str, is_hopeless: bool
) -> None:
    assert bench.run(lambda messages, info: response) == 1
    assert said in bench.end["text"]
    assert bench.end["is_hopeless"] is is_hopeless
    assert len(bench.steps) == 1
    assert not list((bench.root / "work").iterdir())


def test_a_conversation_that_grows_too_long_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST", 3_000)
    assert bench.run(never) == 1
    assert "too long to be kept" in bench.end["text"]


def test_what_nobody_expected_is_told_and_tried_again(bench: Bench) -> None:
    def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise TypeError("'NoneType' object is not subscriptable")

    assert bench.run(script) == 1
    assert bench.end["text"].startswith("What “scripted” answered is no answer of its kind")
    assert bench.end["is_hopeless"] is False


class Silent(FunctionModel):
    """One answer, as it is: a model for tests makes an estimate of what it used."""

    def __init__(self, answer: ModelResponse) -> None:
        super().__init__(never)
        self._answer = answer

    async def request(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return self._answer


def test_results_stand_beside_their_calls(bench: Bench) -> None:
    bench.run(counts)
    for message in history.opened(bench.steps).messages[2:-1:2]:
        assert [(type(part), getattr(part, "tool_call_id", "")) for part in message.parts] == [(ToolReturnPart, "c0")]
