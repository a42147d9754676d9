"""Titles from patterns: placeholders are looked up in plain data, once; nothing is evaluated (threat T5)."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from workspaces.services.untrusted import strip_invisible

TITLE_LENGTH = 200
_LONGEST_VALUE = 400
# A component that begins with two underscores never names data; it stays as it was written.
_PLACEHOLDER = re.compile(r"\{((?!__)[A-Za-z0-9_-]+(?:\.(?!__)[A-Za-z0-9_-]+)*)\}")


def render(pattern: str, values: Mapping[str, Any]) -> str:
    """A title of at most 200 characters on one line.

    ``{item.key}``, ``{event.data.pull_request.number}``, ``{event.data.labels.0.name}`` and so on are looked up in
    ``values`` (mappings, lists and scalars); one that is not there shows as ``⟨missing: item.key⟩``. What a value holds
    is never looked at again, and everything else in the pattern stays literal.
    """
    filled = _PLACEHOLDER.sub(lambda match: _shown(match.group(1), values), pattern)
    line = " ".join(strip_invisible(filled).split())
    if len(line) > TITLE_LENGTH:
        line = line[: TITLE_LENGTH - 1].rstrip() + "…"
    return line or "Workspace"


def _shown(path: str, values: Mapping[str, Any]) -> str:
    text = _text(_lookup(path.split("."), values))
    return f"⟨missing: {path}⟩" if text is None else text[:_LONGEST_VALUE]


def _lookup(parts: list[str], values: Any) -> Any:
    for part in parts:
        if isinstance(values, Mapping):
            values = values.get(part)
        elif isinstance(values, list) and part.isascii() and part.isdigit() and int(part[:9]) < len(values):
            values = values[int(part[:9])]
        else:
            return None
    return values


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list):
        shown = [text for text in map(_text, value[:20]) if text]
        return ", ".join(shown) or None
    return None
