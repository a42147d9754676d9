"""Sends mails to the demo's mailbox, as somebody outside would; no Django needed."""

import json
import smtplib
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from pathlib import Path
from typing import Any

TIMEOUT_S = 10.0
SENDER = "Robin Field <robin@example.com>"
SUBJECT = "Our order has not arrived"
TEXT = "Hello,\n\nwe ordered 40 chairs three weeks ago and have heard nothing since. Where are they?\n\nRobin Field\n"


class NotSent(Exception):
    """The mail server did not take the mail; the message is one sentence."""


def send(
    *,
    smtp_host: str,
    port: int,
    sender: str,
    to: str,
    subject: str,
    text: str,
    now: datetime,
    in_reply_to: str | None = None,
    references: Sequence[str] | None = None,
) -> str:
    """Send one mail and return its Message-ID with its brackets. Raises NotSent."""
    mail = EmailMessage()
    mail["From"], mail["To"] = _address(sender), _address(to)
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id = make_msgid(domain="dct-demo.localhost")
    if in_reply_to:
        mail["In-Reply-To"] = in_reply_to
        mail["References"] = " ".join(references or [in_reply_to])
    mail.set_content(text)
    try:
        with smtplib.SMTP(smtp_host, port, timeout=TIMEOUT_S) as server:
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"The mail server on {smtp_host}:{port} did not take the mail: is the demo running?") from error
    return message_id


def remember(data: Path, *, message_id: str, references: Sequence[str], subject: str) -> None:
    """Keep what the next ``--reply-to-last`` answers."""
    _last(data).write_text(json.dumps({"message_id": message_id, "references": list(references), "subject": subject}))


def last(data: Path) -> dict[str, Any] | None:
    """The mail that was sent last from this data directory: message_id, references, subject. None where none was."""
    try:
        found: dict[str, Any] = json.loads(_last(data).read_text())
    except (OSError, ValueError):
        return None
    return found


def _last(data: Path) -> Path:
    return data / "run" / "demo-mail-sent.json"


def _address(written: str) -> Address:
    name, address = parseaddr(written)
    try:
        return Address(display_name=name, addr_spec=address)
    except (ValueError, IndexError) as wrong:
        raise NotSent(f"{written!r} is not a mail address: write it as name@example.com.") from wrong
