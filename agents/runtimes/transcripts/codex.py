"""Codex: ``codex exec --json -``.

Lines by https://developers.openai.com/codex/noninteractive: ``thread.started``, ``turn.*`` with usage, and ``item.*``
(agent_message, reasoning, command_execution, file_change, mcp_tool_call, web_search, todo_list, error).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
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
    value_of,
    whole_in,
)

Item = Mapping[str, Any]


class Codex:
    """Goes on by ``resume`` and the thread's id, before the dash that says that its prompt comes on standard input."""

    kind: str = TranscriptKind.CODEX

    def prompt(self, session: str) -> str | None:
        return GO_ON if session else PROMPT

    def argv(self, argv: tuple[str, ...], session: str) -> tuple[str, ...]:
        if not session:
            return argv
        return (*argv[:-1], "resume", session, "-") if argv[-1] == "-" else (*argv, "resume", session, "-")

    def listener(self) -> Listener:
        return _Listener()


class _Listener:
    def __init__(self) -> None:
        self._tokens = Tokens()

    def hear(self, line: str, *, is_error: bool) -> Said:
        value = None if is_error else value_of(line)
        if value is None:
            return as_it_came(line, is_error=is_error)
        kind = text_in(value, "type")
        if kind == "thread.started":
            return Said([system("Codex began.")], session=session_in(value, "thread_id"))
        if kind == "turn.completed":
            counts = object_in(value, "usage")
            return Said(self._tokens.add(whole_in(counts, "input_tokens") + whole_in(counts, "output_tokens")))
        if kind in ("turn.failed", "error"):
            why = text_in(value, "error", "message") or text_in(value, "message") or "an error"
            # Of a single error it tries again by itself; a turn that failed is the end.
            return Said([system(f"Codex: {why}")], Signal.FAILED if kind == "turn.failed" else None)
        if kind in ("item.started", "item.completed"):
            told = _item(object_in(value, "item"), has_ended=kind == "item.completed")
            return Said(told) if told is not None else as_it_came(line)
        return Said([]) if kind in ("turn.started", "item.updated") else as_it_came(line)


def _item(item: Item, *, has_ended: bool) -> Sequence[Message] | None:
    """What an item says at its begin or its end; None for one that nobody knows here."""
    kind = text_in(item, "type") or text_in(item, "item_type")
    if kind in _TEXTS:
        return [said(text_in(item, "text"), **_TEXTS[kind])] if has_ended else []
    if kind in _CALLS:
        begun, ended = _CALLS[kind]
        return ended(item) if has_ended else begun(item)
    return None


def _command(item: Item) -> Sequence[Message]:
    return [call("command", text_in(item, "command"))]


def _command_ended(item: Item) -> Sequence[Message]:
    code = item.get("exit_code")
    return [result(text_in(item, "aggregated_output"), is_error=code not in (0, None), exit_code=code)]


def _files(item: Item) -> Sequence[Message]:
    changes = [f"{text_in(one, 'kind') or 'change'} {text_in(one, 'path')}" for one in objects_in(item, "changes")]
    return [call("file_change", "\n".join(changes)), result(text_in(item, "status"))]


def _tool(item: Item) -> Sequence[Message]:
    return [call(f"{text_in(item, 'server')}.{text_in(item, 'tool')}", item.get("arguments"))]


def _tool_ended(item: Item) -> Sequence[Message]:
    wrong = text_in(item, "error", "message")
    return [result(wrong or text_of(object_in(item, "result").get("content")), is_error=bool(wrong))]


def _nothing(item: Item) -> Sequence[Message]:  # noqa: ARG001 - one shape for all
    return []


_TEXTS: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {"agent_message": {}, "assistant_message": {}, "reasoning": {"is_thinking": True}}
)
_CALLS: Mapping[str, tuple[Callable[[Item], Sequence[Message]], Callable[[Item], Sequence[Message]]]] = (
    MappingProxyType(
        {
            "command_execution": (_command, _command_ended),
            "file_change": (_nothing, _files),
            "mcp_tool_call": (_tool, _tool_ended),
            "web_search": (_nothing, lambda item: [call("web_search", text_in(item, "query"))]),
            "todo_list": (_nothing, _nothing),
            "error": (_nothing, lambda item: [system(f"Codex: {text_in(item, 'message')}")]),
        }
    )
)
