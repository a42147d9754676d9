"""OpenHands without a head: ``openhands --headless --json --file ../context/run/instructions.md``.

Lines by https://docs.openhands.dev/openhands/usage/cli/headless: ``action`` and ``observation``. It always approves
what it does itself; the walls are the sandbox's.
"""

from collections.abc import Mapping
from typing import Any

from agents.enums import TranscriptKind
from agents.runtimes.port import Message, Said
from agents.runtimes.transcripts.base import Listener, as_it_came, call, result, said, text_in, text_of, value_of

_WORDS = frozenset({"message", "finish", "think"})
_KNOWN = frozenset({"type", "action", "observation", "id", "timestamp", "source"})


class OpenHands:
    """Each run begins anew: its headless mode names no session to go on with. Its work is there, and so is what was
    missing.
    """

    kind: str = TranscriptKind.OPENHANDS

    def prompt(self, session: str) -> str | None:  # noqa: ARG002 - it has none
        return ""

    def argv(self, argv: tuple[str, ...], session: str) -> tuple[str, ...]:  # noqa: ARG002 - it has none
        return argv

    def listener(self) -> Listener:
        return _Listener()


class _Listener:
    def hear(self, line: str, *, is_error: bool) -> Said:
        value = None if is_error else value_of(line)
        kind = text_in(value, "type") if value is not None else ""
        if value is not None and kind == "action":
            return Said([_action(value)])
        if value is not None and kind == "observation":
            return Said([result(text_of(value.get("content")), is_error=value.get("observation") == "error")])
        return as_it_came(line, is_error=is_error)


def _action(value: Mapping[str, Any]) -> Message:
    name = text_in(value, "action")
    given = {key: inner for key, inner in value.items() if key not in _KNOWN}
    text = next((found for key in ("content", "message", "thought") if (found := text_in(given, key))), "")
    if name in _WORDS and text:
        return said(text, **({"is_thinking": True} if name == "think" else {}))
    return call(name, given)
