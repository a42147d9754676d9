"""aider: ``aider --message-file ../context/run/instructions.md --yes-always --no-pretty --no-stream``.

It speaks to people; what it used is told as ``Tokens: 12k sent, 1.3k received. Cost: $0.04 message, $0.10 session.``
(https://aider.chat/docs/scripting.html).
"""

import re

from agents.enums import TranscriptKind
from agents.runtimes.port import Said
from agents.runtimes.transcripts.base import Listener, Tokens, as_it_came, usage

_USED = re.compile(r"Tokens: .{0,200}?(?:Cost: \$[\d.,]+ message, \$(?P<cost>\d+(?:\.\d+)?) session|$)")
_COUNT = re.compile(r"([\d.,]+)(k|M)? (?:sent|received)")
_TIMES = {"": 1, "k": 1_000, "M": 1_000_000}
_LONGEST = 400


class Aider:
    """Goes on from the history that it keeps in its working directory."""

    kind: str = TranscriptKind.AIDER

    def prompt(self, session: str) -> str | None:  # noqa: ARG002 - it reads a file
        return ""

    def argv(self, argv: tuple[str, ...], session: str) -> tuple[str, ...]:
        return (*argv, "--restore-chat-history") if session else argv

    def listener(self) -> Listener:
        return _Listener()


class _Listener:
    def __init__(self) -> None:
        self._tokens = Tokens()

    def hear(self, line: str, *, is_error: bool) -> Said:
        came = as_it_came(line, is_error=is_error)
        found = _USED.search(line[:_LONGEST]) if not is_error else None
        if found is None:
            return came
        count = sum(_count(number, times) for number, times in _COUNT.findall(found[0]))
        told = [*self._tokens.add(count), *usage(tokens=None, money=found["cost"])]
        return Said([*came.messages, *told], session="history" if told else "")


def _count(number: str, times: str) -> int:
    try:
        return int(float(number.replace(",", "")) * _TIMES[times])
    except ValueError:
        return 0
