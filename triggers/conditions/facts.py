"""What a condition sees: the event and the item it belongs to, frozen and independent of the source."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

Word = TypeVar("Word", bound=StrEnum)


class FactsError(ValueError):
    """The dict that facts should be built from has the wrong shape; the message names the field."""


class Kind(StrEnum):
    """What an event is, in words that every source fills in, so that a leaf needs no knowledge of the source."""

    CREATED = "created"
    UPDATED = "updated"
    STATUS_CHANGE = "status_change"
    COMMENT = "comment"
    MESSAGE = "message"
    REPLY = "reply"
    ASSIGNMENT = "assignment"
    PRIORITY_CHANGE = "priority_change"
    MENTION = "mention"
    PUSH = "push"


class ChangePath(StrEnum):
    """The paths in `changes` that mean the same in every source. A source may add others beside them."""

    STATUS = "status"
    ASSIGNEE = "assignee"
    PRIORITY = "priority"
    LABELS = "labels"
    TITLE = "title"


class TrustTier(StrEnum):
    """How far the sender is known, from least to most; `rank` orders them."""

    OPEN = "open"
    VERIFIED = "verified"
    ALLOWED = "allowed"

    @property
    def rank(self) -> int:
        return list(TrustTier).index(self)


class Origin(StrEnum):
    LIVE = "live"
    BACKFILL = "backfill"
    REPLAY = "replay"
    MANUAL = "manual"
    TIMER = "timer"
    INTERNAL = "internal"


@dataclass(frozen=True)
class EventFacts:
    """One normalised change.

    `subject` is the outside key of what changed ("OPS-398"), `title` its headline (a mail's subject line), `text` what
    somebody wrote. `changes` maps a path to [before, after]. `mentions` holds the people named in the text,
    `extensions` the further attributes of an event that came as a CloudEvent.
    """

    source: str
    type: str
    subject: str = ""
    actor: str = ""
    title: str = ""
    text: str = ""
    time: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    is_reply: bool = False
    trust_tier: TrustTier = TrustTier.OPEN
    origin: Origin = Origin.LIVE
    extensions: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> EventFacts:
        """Facts from their stored form (see `as_dict`); `source` and `type` are required. Raises FactsError."""
        return cls(
            source=_text(raw, "source", required=True),
            type=_text(raw, "type", required=True),
            subject=_text(raw, "subject"),
            actor=_text(raw, "actor"),
            title=_text(raw, "title"),
            text=_text(raw, "text"),
            time=_time(raw.get("time")),
            data=_mapping(raw, "data"),
            changes={path: _change(path, pair) for path, pair in _mapping(raw, "changes").items()},
            kinds=_names(raw, "kinds"),
            mentions=_names(raw, "mentions"),
            is_reply=raw.get("is_reply") is True,
            trust_tier=_member(TrustTier, raw, "trust_tier", TrustTier.OPEN),
            origin=_member(Origin, raw, "origin", Origin.LIVE),
            extensions=_mapping(raw, "extensions"),
        )

    def as_dict(self) -> dict[str, Any]:
        """A form that JSON can hold; `from_dict` reads it back."""
        return {
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "actor": self.actor,
            "title": self.title,
            "text": self.text,
            "time": self.time.isoformat() if self.time else None,
            "data": dict(self.data),
            "changes": {path: list(pair) for path, pair in self.changes.items()},
            "kinds": list(self.kinds),
            "mentions": list(self.mentions),
            "is_reply": self.is_reply,
            "trust_tier": self.trust_tier.value,
            "origin": self.origin.value,
            "extensions": dict(self.extensions),
        }

    def change(self, path: str) -> tuple[Any, Any] | None:
        """(before, after) when the event really changed `path`, else None. A pair of equals is not a change."""
        pair = self.changes.get(path)
        return None if pair is None or same(pair[0], pair[1]) else (pair[0], pair[1])

    @cached_property
    def haystacks(self) -> tuple[str, ...]:
        """Where searched words are looked for: key, headline and text, in Unicode NFC."""
        return tuple(composed(text) for text in (self.subject, self.title, self.text))

    @cached_property
    def folded_haystacks(self) -> tuple[str, ...]:
        """The same without regard to case; kept, because every trigger's leaf asks for it again."""
        return tuple(folded(text) for text in (self.subject, self.title, self.text))


@dataclass(frozen=True)
class ItemFacts:
    """The library item as it was before the event."""

    kind: str
    key: str
    state: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> ItemFacts:
        """Facts from their stored form; `kind` and `key` are required. Raises FactsError."""
        version = raw.get("version", 0)
        if not isinstance(version, int):
            raise FactsError("version is not a whole number.")
        return cls(
            kind=_text(raw, "kind", required=True),
            key=_text(raw, "key", required=True),
            state=_mapping(raw, "state"),
            version=version,
        )

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "key": self.key, "state": dict(self.state), "version": self.version}


_PLAIN = frozenset({str, int, float, bool, type(None)})


def same(left: Any, right: Any) -> bool:
    """Equality as JSON means it. Python holds True == 1, also inside lists, which would hide a change."""
    if type(left) is type(right) and type(left) in _PLAIN:
        return bool(left == right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    return bool(left == right)


def composed(text: str) -> str:
    """Text in Unicode NFC, so that é typed in two ways is one letter."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """Text for comparison without regard to case."""
    return composed(composed(text).casefold())


def _text(raw: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = raw.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise FactsError(f"{name} is not text.")
    return value


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise FactsError(f"{name} is not an object.")
    return value


def _names(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = raw.get(name) or ()
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
        raise FactsError(f"{name} is not a list of words.")
    return tuple(value)


def _change(path: str, pair: Any) -> tuple[Any, Any]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise FactsError(f"changes.{path} is not a pair of before and after.")
    return pair[0], pair[1]


def _time(value: Any) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError) as wrong:
        raise FactsError("time is not a date and time.") from wrong


def _member(words: type[Word], raw: Mapping[str, Any], name: str, default: Word) -> Word:
    value = raw.get(name, default)
    try:
        return words(value)
    except ValueError as wrong:
        raise FactsError(f"{name} is not one of {', '.join(words)}.") from wrong
