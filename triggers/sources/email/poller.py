"""Polls a mailbox: what came since the cursor, as deliveries with everything the parser needs beside them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from triggers.services.trust import tier_of
from triggers.sources.base import Arrival, Polled, PollFailed, PollFailure
from triggers.sources.email.authentication import is_verified
from triggers.sources.email.client import Mailbox, Opened, Sized, guard_of
from triggers.sources.email.cursor import Cursor, baseline, renumbered
from triggers.sources.email.headers import Fields, end_of_header
from triggers.sources.email.parse import ARRIVED, FOLDER, SIZE
from triggers.sources.email.settings import InvalidMailSettings, MailSettings

PASSWORD = "password"  # noqa: S105 - the name of the secret, not its value
BATCH = 50
BATCH_BYTES = 4 * 1024 * 1024
"""A batch is stored in one transaction, which must be short; a single larger mail is a batch of its own."""


@dataclass(frozen=True)
class _Allowed:
    allowed_actors: Sequence[str]


Open = Callable[[MailSettings, str, Mapping[str, Any]], AbstractContextManager[Mailbox]]


def open_mailbox(settings: MailSettings, password: str, config: Mapping[str, Any]) -> Mailbox:
    """Sign in to a connection's mailbox. Raises PollFailed."""
    return Mailbox(settings, password, guard=guard_of(config))


class MailPoller:
    """The poller of mail connections."""

    def __init__(self, open_it: Open = open_mailbox) -> None:
        self._open = open_it

    def poll(
        self,
        *,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        cursor: Mapping[str, Any],
        known_since: datetime,
        now: datetime,
    ) -> Polled:
        """Up to BATCH mails after the cursor. The first poll is a baseline and brings none. Raises PollFailed."""
        try:
            settings = MailSettings.from_config(config)
        except InvalidMailSettings as wrong:
            raise PollFailed(PollFailure.SETTINGS, str(wrong)) from None
        if not secrets.get(PASSWORD):
            raise PollFailed(PollFailure.CREDENTIALS, "There is no password for this mailbox: enter it.")
        with self._open(settings, secrets[PASSWORD], config) as box:
            opened = box.open()
            known = Cursor.from_stored(cursor)
            if known is None:
                return Polled((), _baseline(box, opened, now).to_store())
            if known.uidvalidity != opened.uidvalidity:
                known = _renumbered(box, opened, known, known_since)
            return _fetch(box, known, settings, config)


def _baseline(box: Mailbox, opened: Opened, now: datetime) -> Cursor:
    start = Cursor(opened.uidvalidity, opened.uidnext - 1, frozenset(), now)
    there = box.uids_from(start.first_looked_at)
    return baseline(uidvalidity=opened.uidvalidity, uidnext=opened.uidnext, there=there, now=now)


def _renumbered(box: Mailbox, opened: Opened, known: Cursor, known_since: datetime) -> Cursor:
    known = known.not_before(known_since)
    # A server's days are its own time zone's.
    recent = box.uids_since((known.baseline_at - timedelta(days=1)).date())
    return renumbered(known, uidvalidity=opened.uidvalidity, uidnext=opened.uidnext, recent=recent)


def _fetch(box: Mailbox, known: Cursor, settings: MailSettings, config: Mapping[str, Any]) -> Polled:
    waiting = known.new_among(box.uids_from(known.first_looked_at))
    batch = waiting[:BATCH]
    sized = box.sizes(batch)
    wanted = _within(sized, BATCH_BYTES)
    if len(wanted) < len(sized):
        batch = [uid for uid in batch if uid < sized[len(wanted)].uid]
    bodies = box.bodies(wanted)
    arrivals = [
        _arrival(mail, bodies[mail.uid], known, settings, config)
        for mail in wanted
        if mail.uid in bodies and not known.is_from_before(mail.uid, mail.arrived, _sent(bodies[mail.uid]))
    ]
    # One that was listed and is gone by now is dealt with too: its owner deleted it.
    return Polled(arrivals, known.past(batch).to_store(), has_more=len(waiting) > len(batch))


def _within(sized: Sequence[Sized], most: int) -> list[Sized]:
    """The first mails up to so many bytes, at least one."""
    taken: list[Sized] = []
    for mail in sized:
        most -= mail.size
        if taken and most < 0:
            break
        taken.append(mail)
    return taken


def _arrival(mail: Sized, body: bytes, known: Cursor, settings: MailSettings, config: Mapping[str, Any]) -> Arrival:
    headers = {FOLDER: settings.folder, SIZE: str(mail.size), "x-imap-uid": str(mail.uid)}
    if mail.arrived is not None:
        headers[ARRIVED] = mail.arrived.isoformat()
    return Arrival(
        body=body,
        delivery_key=f"{known.uidvalidity}:{mail.uid}",
        headers=headers,
        trust_tier=_tier(body, settings, config),
    )


def _tier(body: bytes, settings: MailSettings, config: Mapping[str, Any]) -> str:
    fields = _fields(body)
    sender = next((found.address for found in fields.addresses("from")), "")
    actors = config.get("allowed_actors")
    allowed = _Allowed([actor for actor in actors if isinstance(actor, str)] if isinstance(actors, list) else [])
    return tier_of(allowed, sender, verified=is_verified(fields, settings.authserv_id))


def _sent(body: bytes) -> datetime | None:
    try:
        sent = parsedate_to_datetime(_fields(body).plain("date")[:100])
        return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _fields(body: bytes) -> Fields:
    head, _ = end_of_header(body, 0, len(body))
    return Fields(body[:head])
