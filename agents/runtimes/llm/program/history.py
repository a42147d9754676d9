"""The conversation with a model, kept step by step, so that another process goes on exactly where this one was.

A step is what came since the last: messages as pydantic-ai writes them, compressed. With them stands what the model was
told of so far, so that a successor tells it the rest, once.
"""

import base64
import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    SystemPromptPart,
    UserPromptPart,
)

from agents.runtimes.llm.program import words
from agents.runtimes.llm.program.telling import keep

LARGEST = 900_000  # characters of a step, below what a line may have
MOST = 1024 * 1024  # of all steps; the listener keeps no more either
_LONGEST = 64 * 1024 * 1024  # bytes that a step may have when it is opened


class TooLong(Exception):
    """The conversation cannot be kept any more."""


@dataclass(slots=True)
class History:
    """``messages`` in order; ``asked`` are fingerprints of what it was told, ``round`` the gate's that it knows."""

    messages: list[ModelMessage] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    round: int = 0
    steps: list[str] = field(default_factory=list)
    kept: int = 0

    def add(self, message: ModelMessage) -> None:
        """Take a message and keep it. Raises TooLong."""
        self.messages.append(message)
        state = {
            "messages": json.loads(ModelMessagesTypeAdapter.dump_json(self.messages[self.kept :])),
            "asked": self.asked,
            "round": self.round,
        }
        step = base64.b64encode(zlib.compress(json.dumps(state).encode(), 6)).decode()
        if len(step) > LARGEST or len(step) + sum(map(len, self.steps)) > MOST:
            raise TooLong
        keep(len(self.steps), step)
        self.steps.append(step)
        self.kept = len(self.messages)

    def tell(self, news: "News") -> None:
        """Say to the model what is new, with its next request. Raises TooLong."""
        self.asked, self.round = news.asked, news.round
        self.add(ModelRequest(parts=list(news.parts)))

    @property
    def last(self) -> ModelMessage | None:
        return self.messages[-1] if self.messages else None


@dataclass(frozen=True, slots=True)
class News:
    """What the model is to be told (nothing: no parts), and what it knows of then."""

    parts: Sequence[ModelRequestPart]
    asked: list[str]
    round: int


def opened(steps: Sequence[str]) -> History:
    """The conversation that was kept. Raises ValueError where it cannot be read: another version wrote it."""
    history = History(steps=list(steps))
    for step in steps:
        try:
            raw = zlib.decompressobj().decompress(base64.b64decode(step, validate=True), _LONGEST)
            state = json.loads(raw)
            history.messages += ModelMessagesTypeAdapter.validate_python(state["messages"])
            history.asked = [str(one) for one in state["asked"]]
            history.round = int(state["round"])
        except (ValueError, zlib.error, KeyError, TypeError) as error:
            raise ValueError("its earlier conversation cannot be read") from error
    history.kept = len(history.messages)
    return history


def news(history: History, *, page: str, run: Mapping[str, Any]) -> News:
    """What the model is to be told now: all that is asked at first (``page``), later what it was not told yet."""
    asked = [str(text) for text in run.get("asked", [])]
    marks = [sha256(text.encode("utf-8", "replace")).hexdigest()[:16] for text in asked]
    number = int(run.get("round") or 0)
    if not history.messages:
        return News([SystemPromptPart(words.ROLE), UserPromptPart(page)], marks, number)
    known = Counter(history.asked)
    fresh = [text for text, mark in zip(asked, marks, strict=True) if _is_new(known, mark)]
    reasons = [str(one) for one in run.get("gate", [])] if number > history.round else []
    texts = [words.missing(reasons)] if reasons else []
    texts += [words.told(fresh)] if fresh else []
    if not texts and isinstance(history.last, ModelResponse) and not history.last.tool_calls:
        texts = [words.GO_ON]
    return News([UserPromptPart(one) for one in texts], marks, number)


def _is_new(known: Counter[str], mark: str) -> bool:
    """Whether it is new; one that is known is used up, so that the same words said again are new again."""
    if not known[mark]:
        return True
    known[mark] -= 1
    return False
