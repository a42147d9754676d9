"""Turns one generic webhook into one event, by the paths that its connection declares. Pure.

``connection.config`` may hold dotted paths into the body: ``type_path``, ``subject_path``, ``actor_path``,
``title_path``, ``text_path``, ``time_path``; and ``kinds``, what every event of it is in the words that all sources
share.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from triggers.conditions.facts import Kind
from triggers.sources.base import ItemRef, ParsedEvent, RawDelivery
from triggers.sources.body import read_value, value_at
from triggers.sources.text import clean, clean_line, mentions
from workspaces.enums import ItemKind

DEFAULT_TYPE = "webhook.received"
STREAM_KEY = "stream"
_SAID = ("type", "subject", "actor", "title", "time")


def parse(raw: RawDelivery) -> list[ParsedEvent]:
    """The event of a delivery; its item is the connection's one stream. Raises Refused."""
    value, config = read_value(raw), raw.connection_config
    data: Mapping[str, Any] = value if isinstance(value, Mapping) else {"value": value}
    said = {
        name: _text(value_at(data, config.get(f"{name}_path")))
        for name in ("type", "subject", "actor", "title", "time")
    }
    text = clean(_text(value_at(data, config.get("text_path"))))
    named = mentions(text)
    kinds = config.get("kinds")
    return [
        ParsedEvent(
            external_id=hashlib.sha256(raw.body + raw.received_at.isoformat().encode()).hexdigest(),
            type=clean_line(said["type"], 100) or DEFAULT_TYPE,
            time=_moment(said["time"]) or raw.received_at,
            subject=clean_line(said["subject"]),
            actor=clean_line(said["actor"]),
            facts={
                "title": clean_line(said["title"]),
                "text": text,
                "kinds": [kind for kind in kinds if kind in set(Kind)] if isinstance(kinds, list) else [],
                "mentions": named,
                "is_reply": False,
            },
            data=data,
            item=ItemRef(ItemKind.STREAM, STREAM_KEY),
            changes={},
        )
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def _moment(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
