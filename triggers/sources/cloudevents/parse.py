"""Turns one CloudEvent into one event. Pure.

It is about its ``subject``, under its ``source``. ``connection.config`` may hold dotted paths into its data, as for a
webhook: ``title_path``, ``text_path``, ``actor_path``; and ``kinds``. The attributes stay as they came, in
``facts.cloudevent``, so that the event can be given out as it was sent.
"""

from collections.abc import Mapping
from typing import Any

from triggers.conditions.facts import Kind
from triggers.enums import Refusal
from triggers.sources.base import ItemRef, ParsedEvent, RawDelivery, Refused
from triggers.sources.body import LARGEST, value_at
from triggers.sources.cloudevents.event import CloudEvent, NotACloudEvent, bounded
from triggers.sources.cloudevents.http import NotTaken, read
from triggers.sources.text import clean, clean_line, mentions
from workspaces.enums import ItemKind

STREAM = ItemRef(ItemKind.STREAM, "stream")
"""What hangs on the connection's one card: senders may use any number of sources, and each is no card of its own."""


def parse(raw: RawDelivery) -> list[ParsedEvent]:
    """The event of a delivery. Raises Refused."""
    try:
        event = read(raw.headers, raw.body, max_bytes=LARGEST)
    except (NotTaken, NotACloudEvent) as wrong:
        raise Refused(Refusal.NOT_UNDERSTOOD, str(wrong)) from wrong
    config = raw.connection_config
    data: Mapping[str, Any] = (
        event.data if isinstance(event.data, Mapping) else {"value": event.data} if event.has_data else {}
    )
    said = {name: value_at(data, config.get(f"{name}_path")) for name in ("title", "text", "actor")}
    text, kinds = clean(said["text"]), config.get("kinds")
    return [
        ParsedEvent(
            external_id=event["id"],
            type=event["type"],
            time=event.time or raw.received_at,
            subject=clean_line(event["subject"]),
            actor=clean_line(said["actor"]),
            facts={
                "title": clean_line(said["title"]) or clean_line(event["subject"] or event["type"]),
                "text": text,
                "kinds": [kind for kind in kinds if kind in set(Kind)] if isinstance(kinds, list) else [],
                "mentions": mentions(text),
                "is_reply": False,
                "cloudevent": {"attributes": dict(event.attributes), "data": _form(event)},
            },
            data=data,
            item=_item(event),
            change_key=f"cloudevent {event.key}",
            changes={},
            hop=event.hops,
        )
    ]


def _form(event: CloudEvent) -> str:
    """How the event's data lies in ``data``: as it is, as its ``value``, or not at all."""
    if not event.has_data:
        return "none"
    return "object" if isinstance(event.data, Mapping) else "value"


def _item(event: CloudEvent) -> ItemRef:
    subject = event["subject"]
    if not subject:
        return STREAM
    # Under its source: two systems may call different things by one name.
    key = bounded(f"{event['source']} {subject}")
    return ItemRef(ItemKind.STREAM, key, title=clean_line(subject), parent=STREAM)
