"""Claude Code: ``claude -p --output-format stream-json --verbose``.

Lines by https://code.claude.com/docs/en/headless and the Agent SDK's message types: ``system`` (``init`` names the
session), ``assistant`` and ``user`` with the content blocks of the Messages API, ``result`` with the cost.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from agents.enums import TranscriptKind
from agents.runtimes.port import Message, Said, Signal
from agents.runtimes.transcripts.base import (
    GO_ON,
    PROMPT,
    Listener,
    Tokens,
    as_it_came,
    call,
    object_in,
    objects_in,
    result,
    said,
    session_in,
    system,
    text_in,
    text_of,
    usage,
    value_of,
    whole_in,
)

_COUNTED = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


class ClaudeCode:
    """Goes on by ``--resume`` and the session's id; its sessions lie in the workspace, which is its home."""

    kind: str = TranscriptKind.CLAUDE_CODE

    def prompt(self, session: str) -> str | None:
        return GO_ON if session else PROMPT

    def argv(self, argv: tuple[str, ...], session: str) -> tuple[str, ...]:
        return (*argv, "--resume", session) if session else argv

    def listener(self) -> Listener:
        return _Listener()


class _Listener:
    def __init__(self) -> None:
        self._tokens = Tokens()
        self._counted = ""

    def hear(self, line: str, *, is_error: bool) -> Said:
        value = None if is_error else value_of(line)
        if value is None:
            return as_it_came(line, is_error=is_error)
        kind = value.get("type")
        if kind == "assistant":
            return Said([*self._blocks(object_in(value, "message"))], session=session_in(value, "session_id"))
        if kind == "user":
            return Said([*_results(object_in(value, "message"))] or as_it_came(line).messages)
        if kind == "result":
            return _result(value)
        if kind == "system" and value.get("subtype") == "init":
            told = text_in(value, "model") or "an unnamed model"
            return Said([system(f"Claude Code began with {told}.")], session=session_in(value, "session_id"))
        return as_it_came(line)

    def _blocks(self, message: Mapping[str, Any]) -> Iterator[Message]:
        # It comes once for each of its blocks, with the same usage. Told after them, that stood between a call and its
        # result.
        number = text_in(message, "id")
        if number != self._counted:
            self._counted = number
            yield from self._tokens.add(_tokens(object_in(message, "usage")))
        for block in objects_in(message, "content"):
            kind = block.get("type")
            if kind == "tool_use":
                yield call(text_in(block, "name"), block.get("input"))
            elif kind == "thinking":
                yield said(text_in(block, "thinking"), is_thinking=True)
            elif text := text_in(block, "text"):
                yield said(text)


def _results(message: Mapping[str, Any]) -> Iterator[Message]:
    for block in objects_in(message, "content"):
        if block.get("type") == "tool_result":
            yield result(text_of(block.get("content")), is_error=block.get("is_error") is True)


def _result(value: Mapping[str, Any]) -> Said:
    tokens = _tokens(object_in(value, "usage"))
    told = [*usage(tokens=tokens or None, money=value.get("total_cost_usd"))]
    session = session_in(value, "session_id")
    kind = text_in(value, "subtype")
    if value.get("is_error") is True or kind.startswith("error"):
        why = text_in(value, "result") or kind.replace("_", " ") or "an error"
        return Said([*told, system(f"Claude Code ended with: {why}")], Signal.FAILED, session=session)
    return Said(told, session=session)


def _tokens(counts: Mapping[str, Any]) -> int:
    return sum(whole_in(counts, name) for name in _COUNTED)
