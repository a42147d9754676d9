"""Turns one raw mail (RFC 5322) into one event of its thread. Pure: any bytes give an event, in bounded time."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from triggers.conditions.facts import Kind
from triggers.enums import Refusal
from triggers.sources.base import ItemRef, ParsedEvent, RawDelivery, Refused
from triggers.sources.email import content
from triggers.sources.email.headers import Address, Fields, end_of_header
from triggers.sources.text import clean_line
from workspaces.enums import ItemKind

TYPE = "email.message"
LARGEST = 25 * 1024 * 1024
LONGEST_KEY = 400
MOST_REFERENCES = 20
MOST_PARTICIPANTS = 50

# What the poller notes beside a mail.
FOLDER = "x-imap-folder"
ARRIVED = "x-imap-internaldate"
SIZE = "x-imap-size"

_REPLY_MARK = re.compile(r"(?:(?:re|aw|sv|vs|antw|fw|fwd|wg|tr)(?:\[\d{1,3}\])?\s*:\s*)+", re.IGNORECASE)


def parse(raw: RawDelivery) -> list[ParsedEvent]:
    """The event of a mail. Raises Refused for one that is empty or larger than 25 MB."""
    if not raw.body.strip():
        raise Refused(Refusal.NOT_UNDERSTOOD, "The mail is empty.")
    if len(raw.body) > LARGEST:
        raise Refused(Refusal.TOO_LARGE, "The mail is larger than 25 MB.")
    head, _ = end_of_header(raw.body, 0, len(raw.body))
    fields = Fields(raw.body[:head])
    body = content.read(raw.body)
    own_id = message_id(fields, raw.body)
    root = thread_of(fields, own_id)
    sender = next(iter(fields.addresses("from")), Address("", ""))
    subject = clean_line(fields.text("subject"))
    title = clean_line(_REPLY_MARK.sub("", subject, count=1)) if _REPLY_MARK.match(subject) else subject
    is_reply = root != own_id
    arrived = _noted_time(raw.headers)
    recipients = [found.address for name in ("to", "cc") for found in fields.addresses(name)]
    participants = sorted({sender.address, *recipients} - {""})[:MOST_PARTICIPANTS]
    actor = clean_line(sender.address)
    return [
        ParsedEvent(
            external_id=own_id,
            type=TYPE,
            time=arrived or raw.received_at,
            subject=root,
            actor=actor,
            facts={
                "title": subject,
                "text": body.text,
                "kinds": [str(Kind.MESSAGE), *([str(Kind.REPLY)] if is_reply else [])],
                "mentions": list(dict.fromkeys(recipients))[:MOST_PARTICIPANTS],
                "is_reply": is_reply,
            },
            data=_data(raw, fields, body, own_id, root, sender),
            item=ItemRef(ItemKind.MAIL_THREAD, root, title or "(no subject)", parent=mailbox_of(raw)),
            state={
                "title": title,
                "last_from": actor,
                "last_message_id": own_id,
                "last_message_at": (arrived or raw.received_at).astimezone(UTC).isoformat(),
                "participants": participants,
            },
            # The receiving server's clock: the Date field is the sender's, and one from next year would make every
            # later mail of the thread a late one.
            upstream_version=arrived.isoformat() if arrived else "",
            change_key=_change_key(own_id, fields, body.text),
        )
    ]


def message_id(fields: Fields, raw: bytes) -> str:
    """The mail's own id without brackets; for one without, ``sha256:<hash>@dct`` of its bytes."""
    found = next(iter(fields.message_ids("message-id")), "")
    return _key(found) or f"sha256:{hashlib.sha256(raw).hexdigest()}@dct"


def thread_of(fields: Fields, own_id: str) -> str:
    """The id of the mail that a thread began with: the first reference, else what is replied to, else the own id."""
    for name in ("references", "in-reply-to"):
        if found := [key for key in map(_key, fields.message_ids(name)) if key]:
            return found[0]
    return own_id


def mailbox_of(raw: RawDelivery) -> ItemRef:
    """The mailbox under which a thread hangs: the account, and the folder where it is not the inbox."""
    return mailbox(raw.connection_config, raw.headers.get(FOLDER, ""))


def mailbox(config: Mapping[str, Any], folder: str = "") -> ItemRef:
    """The item of a connection's mailbox."""
    account = clean_line(config.get("address") or config.get("username") or "mailbox")
    folder = clean_line(folder or config.get("folder") or "INBOX", 200)
    key = account if folder.upper() == "INBOX" else f"{account}/{folder}"
    return ItemRef(ItemKind.MAILBOX, key, key)


def _data(
    raw: RawDelivery, fields: Fields, body: content.Content, own_id: str, root: str, sender: Address
) -> dict[str, Any]:
    return {
        "message_id": own_id,
        "thread": root,
        "in_reply_to": next(map(_key, fields.message_ids("in-reply-to")), ""),
        "references": [_key(found) for found in fields.message_ids("references")[:MOST_REFERENCES]],
        "from": _shown(sender),
        "to": [_shown(found) for found in fields.addresses("to")[:MOST_PARTICIPANTS]],
        "cc": [_shown(found) for found in fields.addresses("cc")[:MOST_PARTICIPANTS]],
        "reply_to": [_shown(found) for found in fields.addresses("reply-to")[:MOST_PARTICIPANTS]],
        "date": _sent(fields),
        "list_id": clean_line(fields.text("list-id")),
        "auto_submitted": clean_line(fields.plain("auto-submitted"), 100).lower(),
        "attachments": [found._asdict() for found in body.attachments],
        "size": _size(raw),
        "is_cut": body.is_cut or _size(raw) > len(raw.body),
    }


def _change_key(own_id: str, fields: Fields, text: str) -> str:
    """The mail by its id and what it says: by the id alone, a forged mail would swallow the one it is a forgery of."""
    said = "\x00".join((fields.plain("from"), fields.plain("date"), fields.plain("subject"), text))
    return f"{own_id[:240]}:{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _key(found: str) -> str:
    cleaned = clean_line(found, 1000)
    if len(cleaned) <= LONGEST_KEY:
        return cleaned
    return f"sha256:{hashlib.sha256(cleaned.encode()).hexdigest()}@dct"


def _shown(found: Address) -> dict[str, str]:
    return {"address": clean_line(found.address), "name": clean_line(found.name)}


def _sent(fields: Fields) -> str:
    """The Date field in ISO 8601; empty where it is none."""
    try:
        return parsedate_to_datetime(fields.plain("date")[:100]).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _noted_time(headers: Mapping[str, str]) -> datetime | None:
    try:
        return datetime.fromisoformat(headers.get(ARRIVED, "")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _size(raw: RawDelivery) -> int:
    noted = raw.headers.get(SIZE, "")
    return int(noted) if noted.isascii() and noted.isdigit() and len(noted) < 16 else len(raw.body)
