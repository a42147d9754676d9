"""Hears a run that asks a model: DCT's own lines, its conversation step by step, and how it failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.enums import MessageKind
from agents.runtimes.lines import parse_line, storable
from agents.runtimes.port import Message, Said, Signal
from agents.runtimes.transcripts.base import text_in, value_of, whole_in

MOST_KEPT = 1024 * 1024
"""Characters of all steps together: they are written with every step."""


class LlmListener:
    """A step is opaque here: compressed by the program, and given back to its successor."""

    def __init__(self, steps: Sequence[str]) -> None:
        self._steps = list(steps)

    def hear(self, line: str, *, is_error: bool) -> Said:
        value = None if is_error else value_of(line)
        kind = value.get("type") if value is not None else None
        if value is not None and kind == "step":
            return self._keep(whole_in(value, "at"), text_in(value, "state"))
        if value is not None and kind == "failed":
            why = Message(MessageKind.SYSTEM, storable(text_in(value, "text") or "It failed."))
            return Said([why], Signal.HOPELESS if value.get("is_hopeless") is True else Signal.FAILED)
        return parse_line(line, is_error=is_error)

    def _keep(self, at: int, state: str) -> Said:
        """The step number ``at``, which takes the place of that and all that followed."""
        steps = [*self._steps[:at], state]
        if not state or sum(map(len, steps)) > MOST_KEPT:
            return Said([Message(MessageKind.SYSTEM, "A step of the conversation was too large to keep.")])
        self._steps = steps
        return Said([], checkpoint={"runtime": "llm", "steps": steps})


def steps_of(checkpoint: Mapping[str, Any]) -> list[str]:
    """The steps that an earlier run kept; none where another runtime wrote the checkpoint."""
    steps = checkpoint.get("steps") if checkpoint.get("runtime") == "llm" else None
    return [one for one in steps if isinstance(one, str)] if isinstance(steps, list) else []
