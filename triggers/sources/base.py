"""What a source is: a name, a pure parser from bytes to events, and perhaps a poller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from triggers.enums import Refusal
from workspaces.enums import ItemKind, TrustTier


class Refused(Exception):
    """A source's parser has no use for a delivery; the delivery ends as `refused` with this reason."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class RawDelivery:
    """A delivery as its parser sees it. ``headers`` are redacted; ``connection_config`` holds nothing secret."""

    source: str
    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    connection_config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemRef:
    """The thing an event is about, by its key outside; ``parent`` is what it hangs under."""

    kind: ItemKind
    key: str
    title: str = ""
    url: str = ""
    parent: "ItemRef | None" = None


@dataclass(frozen=True)
class ParsedEvent:
    """One normalised change.

    ``facts`` hold title, text, kinds, mentions, is_reply. ``state`` is merged into the item's state (well-known keys
    status, title, assignee, priority, labels…). ``upstream_version`` sorts as text; empty where the source has none.
    ``change_key`` names the change by its meaning, the same from webhook and poll; empty where it has none.
    ``changes`` is {path: [before, after]}; None asks to derive it from the item's state. ``hop`` is how many steps of
    DCT's own lie between a change outside and this, where a source is told.
    """

    external_id: str
    type: str
    time: datetime
    subject: str = ""
    actor: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    item: ItemRef | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    upstream_version: str = ""
    change_key: str = ""
    changes: Mapping[str, Any] | None = None
    hop: int = 0


class PollFailure(StrEnum):
    """What kind of thing went wrong on the way to a polled source."""

    UNREACHABLE = "unreachable"
    PROTOCOL = "protocol"
    CREDENTIALS = "credentials"
    SETTINGS = "settings"
    LOCKED = "locked"
    """The stored secret cannot be read here; nobody was asked."""


class PollFailed(Exception):
    """A poll brought nothing; the text is one sentence for people. ``retry_after_s``: when the source asks to wait."""

    def __init__(self, failure: PollFailure, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.failure = failure
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Arrival:
    """One thing that a poll brought, as a delivery will hold it."""

    body: bytes
    delivery_key: str
    headers: Mapping[str, str] = field(default_factory=dict)
    trust_tier: str = TrustTier.OPEN


@dataclass(frozen=True)
class Polled:
    """What a poll brought and the cursor behind it; ``has_more`` asks to be polled again at once."""

    arrivals: Sequence[Arrival]
    cursor: Mapping[str, Any]
    has_more: bool = False


class Poller(Protocol):
    """Fetches what came since a cursor."""

    def poll(
        self,
        *,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        cursor: Mapping[str, Any],
        known_since: datetime,
        now: datetime,
    ) -> Polled:
        """Touches no database. An empty cursor asks for a baseline: a cursor and no arrivals. Raises PollFailed.

        What came before ``known_since`` would not be known as a repeat any more: it must not be brought again.
        """
        ...


class Source(Protocol):
    """One outside system."""

    kind: str
    poller: Poller | None

    def parse(self, raw: RawDelivery) -> Sequence[ParsedEvent]:
        """Pure. Raises Refused."""
        ...
