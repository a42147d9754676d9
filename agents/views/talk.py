"""A conversation made ready to draw: tool calls folded, output joined, what is still being written kept apart."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from agents.enums import AGENT_MOVES, AgentStatus, MessageKind
from agents.models import Agent, AgentMessage
from agents.selectors.records import as_messages

SHOWN_MESSAGES = 200
SHOWN_CHARACTERS = 8_000
_CALLS = frozenset({MessageKind.TOOL_CALL, MessageKind.TOOL_RESULT})
_LINES = frozenset({MessageKind.OUTPUT, MessageKind.ERROR_OUTPUT})
_TELLING = ("command", "file_path", "path", "pattern", "query", "url")
"""Of what a tool is given, that which says most, in this order."""
_AT_WORK = frozenset({AgentStatus.STARTING, AgentStatus.RUNNING, AgentStatus.STOPPING})

Shown = dict[str, Any]


def talk_of(agent: Agent, messages: Sequence[AgentMessage]) -> Shown:
    """``{"messages", "streaming", "last_id"}`` for ``triggers/_messages.html``.

    A group at the end that may still grow is ``streaming`` while the agent is at work, so that it is drawn anew until
    it is whole; ``last_id`` is the number of the last message before it.
    """
    groups = _without_what_is_overtaken(list(_grouped(messages)))
    streaming = None
    if groups and agent.status in _AT_WORK and _may_grow(groups[-1]):
        streaming = {**_shown(groups.pop(), agent), "streaming": True}
    last = groups[-1][-1].seq if groups else (messages[0].seq - 1 if messages else 0)
    return {"messages": [_shown(group, agent) for group in groups], "streaming": streaming, "last_id": last}


def said_shown(agent: Agent, lines: Sequence[Mapping[str, Any]]) -> list[Shown]:
    """A range of a conversation that is over, as ``components/message.html`` draws it."""
    groups = _without_what_is_overtaken(list(_grouped(as_messages(agent.pk, lines))))
    return [_shown(group, agent) for group in groups]


def is_open(agent: Agent) -> bool:
    """Whether it can still be told something."""
    return agent.status not in AGENT_MOVES.terminal


def _grouped(messages: Sequence[AgentMessage]) -> Iterator[list[AgentMessage]]:
    """Neighbours that are drawn as one: calls with their results, lines of one stream."""
    group: list[AgentMessage] = []
    for message in messages:
        if group and not _belongs(group[-1], message):
            yield group
            group = []
        group.append(message)
    if group:
        yield group


def _without_what_is_overtaken(groups: Sequence[list[AgentMessage]]) -> list[list[AgentMessage]]:
    """What a run had used by then, while it went on: only its last word on it is shown."""
    kept = [
        group
        for group, following in pairwise(groups)
        if group[0].kind != MessageKind.USAGE or not _goes_on(group[-1], following[0])
    ]
    return [*kept, *groups[-1:]]


def _goes_on(before: AgentMessage, message: AgentMessage) -> bool:
    return message.run_id == before.run_id and message.kind not in {MessageKind.GATE, MessageKind.INSTRUCTION}


def _belongs(before: AgentMessage, message: AgentMessage) -> bool:
    if message.kind in _CALLS:
        return before.kind in _CALLS
    return message.kind in _LINES | {MessageKind.USAGE} and before.kind == message.kind


def _may_grow(group: Sequence[AgentMessage]) -> bool:
    return group[-1].kind in _CALLS | _LINES | {MessageKind.USAGE}


def _shown(group: Sequence[AgentMessage], agent: Agent) -> Shown:
    first = group[0]
    shown: Shown = {"id": first.seq, "at": first.at, "streaming": False, "calls": [], **_speaker(first, agent)}
    if first.kind in _CALLS:
        return {**shown, "text": "", **_calls(group)}
    if first.kind == MessageKind.GATE:
        return {**shown, "text": _gate_words(first)}
    if first.kind == MessageKind.USAGE:
        return {**shown, "text": group[-1].text}
    text = "\n".join(message.text for message in group)
    return {**shown, "text": text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} … (cut)"}


def _speaker(message: AgentMessage, agent: Agent) -> dict[str, str]:
    if message.kind == MessageKind.SYSTEM:
        return {"by": "dct", "name": "DCT"}
    if message.kind == MessageKind.INSTRUCTION:
        return {"by": "person", "name": str(message.data.get("by") or "Instruction")}
    if message.kind == MessageKind.GATE:
        return {"by": "gate", "name": MessageKind.GATE.label}
    if message.kind in _LINES | {MessageKind.USAGE}:
        return {"by": "agent", "name": f"{agent.profile.name}, {MessageKind(message.kind).label.lower()}"}
    if message.data.get("is_thinking"):
        return {"by": "agent", "name": f"{agent.profile.name}, thinking"}
    return {"by": "agent", "name": agent.profile.name}


def _gate_words(message: AgentMessage) -> str:
    reasons = message.data.get("reasons")
    lines = [str(reason) for reason in reasons] if isinstance(reasons, list) else []
    return "\n".join([message.text, *(line for line in lines if line not in message.text)]).strip()


def _calls(group: Sequence[AgentMessage]) -> Shown:
    calls: list[Shown] = []
    since: list[datetime] = []
    for message in group:
        if message.kind == MessageKind.TOOL_CALL or not calls:
            calls.append({"name": _tool(message), "argument": _argument(message), "ok": True, "ms": None})
            since.append(message.at)
        if message.kind == MessageKind.TOOL_RESULT:
            calls[-1]["ms"] = (message.at - since[-1]).total_seconds() * 1000
            calls[-1]["ok"] = not (message.data.get("is_error") or message.data.get("error"))
    counted: dict[str, int] = {}
    for call in calls:
        counted[call["name"]] = counted.get(call["name"], 0) + 1
    words = ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in counted.items())
    took = (group[-1].at - group[0].at).total_seconds() * 1000
    return {"calls": calls, "calls_words": words, "calls_ms": took}


def _tool(message: AgentMessage) -> str:
    return str(message.data.get("name") or message.text or "tool")[:80]


def _argument(message: AgentMessage) -> str:
    given: Any = message.data.get("input")
    if isinstance(given, Mapping) and given:
        told = next((name for name in _TELLING if name in given), None) or (
            next(iter(given)) if len(given) == 1 else None
        )
        given = given[told] if told is not None else json.dumps(given, ensure_ascii=False)
    if given is None:
        given = message.text if message.data.get("name") else ""
    return str(given)[:500]
