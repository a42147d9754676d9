"""Lines of a run: JSON objects with a known ``type`` are typed messages, everything else is kept as output."""

import json
from collections.abc import Mapping
from typing import Any

from agents.enums import MessageKind
from agents.runtimes.port import Message, Said, Signal
from agents.runtimes.usage import usage_message
from dct_site.kernel import safe_json

TEXT_LIMIT = 64 * 1024  # characters of one message; a longer one is cut and says so
JSON_LIMIT = 1024 * 1024  # bytes of a line that is read as JSON
CUT = " … (cut)"

_KINDS = {
    "text": MessageKind.TEXT,
    "tool_call": MessageKind.TOOL_CALL,
    "tool_result": MessageKind.TOOL_RESULT,
}


def parse_line(line: str, *, is_error: bool) -> Said:
    """The meaning of one line. Known types: text, tool_call, tool_result, usage, question, done."""
    if is_error:
        return Said([Message(MessageKind.ERROR_OUTPUT, storable(line))])
    if line.startswith("{"):
        typed = _typed(line)
        if typed is not None:
            return typed
    return Said([Message(MessageKind.OUTPUT, storable(line))])


def storable(text: str) -> str:
    """``text`` without what a database refuses (NUL, half characters), and bounded."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + CUT


def _typed(line: str) -> Said | None:
    try:
        value = safe_json.loads(line.encode("utf-8", "replace"), max_bytes=JSON_LIMIT)
    except safe_json.UnsafeJson:
        return None
    if not isinstance(value, dict):
        return None
    kind, text = value.get("type"), _text(value.get("text"))
    if kind in _KINDS:
        return Said([Message(_KINDS[kind], text or _text(value.get("name")), _data(value))])
    return _with_a_meaning(value, text)


def _with_a_meaning(value: Mapping[str, Any], text: str) -> Said | None:
    """Lines that say more than their words."""
    kind = value.get("type")
    if kind == "usage":
        used = usage_message(value)
        return Said([used]) if used is not None else None
    if kind == "question":
        return Said([Message(MessageKind.TEXT, text, {"question": True})], Signal.QUESTION)
    if kind == "done":
        return Said([Message(MessageKind.TEXT, text)] if text else [], Signal.DONE)
    return None


def _text(value: Any) -> str:
    return storable(value) if isinstance(value, str) else ""


def _data(value: Mapping[str, Any]) -> dict[str, Any]:
    """The rest of a typed line, unless it is too large to keep as data."""
    rest = {key: inner for key, inner in value.items() if key not in ("type", "text")}
    shown = json.dumps(rest, ensure_ascii=False)
    return rest if len(shown) <= TEXT_LIMIT else {"cut": shown[:TEXT_LIMIT] + CUT}
