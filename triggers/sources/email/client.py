"""Talks IMAP to one mailbox: only where the address guard allows, read-only, within limits of time and size.

User names, passwords and folders were checked before (``settings``): the standard library sends a line break in them on
as it is, as a command of its own.
"""

import imaplib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from imap_tools.errors import MailboxFolderSelectError, MailboxLoginError
from imap_tools.mailbox import BaseMailBox
from imap_tools.query import AND

from dct_site.kernel.outbound import AddressGuard, Pinned
from triggers.sources.base import PollFailed, PollFailure
from triggers.sources.email.failures import in_words, refused
from triggers.sources.email.parse import LARGEST
from triggers.sources.email.settings import MailSettings, Security
from triggers.sources.email.wire import Client

TOTAL_S = 60.0
CUT_TO = 256 * 1024
"""Of a mail above LARGEST only so much is fetched, so that there is an event for it all the same."""

_ABSENT = "the server did not say"
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,15})")
_UID = re.compile(rb"UID (\d{1,10})\b")
_ARRIVED = re.compile(rb'INTERNALDATE "([^"]{1,60})"')


@dataclass(frozen=True)
class Sized:
    """What is known of a mail before it is fetched. ``arrived`` is when the server took it in."""

    uid: int
    size: int
    arrived: datetime | None


@dataclass(frozen=True)
class Opened:
    """A mailbox as it stood when it was opened."""

    uidvalidity: int
    uidnext: int


class Mailbox:
    """An open mailbox; a context manager. Every method raises PollFailed, in words for people."""

    def __init__(self, settings: MailSettings, password: str, *, guard: AddressGuard, total_s: float = TOTAL_S) -> None:
        self._settings = settings
        self._until = time.monotonic() + total_s
        with in_words(settings):
            place = guard.pin(settings.host, settings.port)
            _refuse_plain(settings, place)
            self._box = _Box(Client(place, settings.security, self._until))
            try:
                self._log_in(password)
            except BaseException:
                self._box.client.shutdown()
                raise

    def __enter__(self) -> "Mailbox":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._box.client.logout()
        except (OSError, imaplib.IMAP4.error, ValueError):
            self._box.client.shutdown()

    def folders(self) -> list[str]:
        """The names of the account's folders, at most 200."""
        with in_words(self._settings):
            return [found.name for found in self._box.folder.list()][:200]

    def open(self) -> Opened:
        """Open the folder for reading only."""
        with in_words(self._settings):
            try:
                self._box.folder.set(self._settings.folder, readonly=True)
            except MailboxFolderSelectError:
                raise self._not_opened() from None
            uidvalidity, uidnext = self._code("UIDVALIDITY"), self._code("UIDNEXT")
            if uidvalidity is None:
                raise PollFailed(PollFailure.PROTOCOL, f"{self._settings.host} gives its mails no lasting numbers.")
            if uidnext is None:
                uidnext = max(self._uids("UID *"), default=0) + 1
            return Opened(uidvalidity, uidnext)

    def uids_from(self, first: int) -> list[int]:
        """The numbers of the mails from ``first`` on, ascending."""
        with in_words(self._settings):
            # The last mail comes back for any range that ends in *, be its number below the range.
            return sorted(uid for uid in self._uids(f"UID {first}:*") if uid >= first)

    def uids_since(self, day: date) -> list[int]:
        """The numbers of the mails that arrived on ``day`` or later, ascending."""
        with in_words(self._settings):
            return sorted(self._uids(str(AND(date_gte=day))))

    def sizes(self, uids: Sequence[int]) -> list[Sized]:
        """Size and arrival of mails, ascending; those that are gone are left out."""
        with in_words(self._settings):
            answers = self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)")
            found = {}
            for answer in answers:
                line = answer if isinstance(answer, bytes) else answer[0] + answer[1]
                uid, size = _UID.search(line), _SIZE.search(line)
                if uid and size:
                    found[int(uid.group(1))] = Sized(int(uid.group(1)), int(size.group(1)), _arrived(line))
            return [found[uid] for uid in sorted(found) if uid in set(uids)]

    def bodies(self, wanted: Sequence[Sized]) -> dict[int, bytes]:
        """{number: raw mail}, unread ones staying unread; of one above LARGEST the first CUT_TO bytes."""
        with in_words(self._settings):
            whole = [mail.uid for mail in wanted if mail.size <= LARGEST]
            cut = [mail.uid for mail in wanted if mail.size > LARGEST]
            found = _bodies(self._fetch(whole, "(UID BODY.PEEK[])"))
            found |= _bodies(self._fetch(cut, f"(UID BODY.PEEK[]<0.{CUT_TO}>)"))
            return {uid: body for uid, body in found.items() if uid in {mail.uid for mail in wanted}}

    def _log_in(self, password: str) -> None:
        client, user = self._box.client, self._settings.username
        if "LOGINDISABLED" in client.capabilities:
            message = f"{self._settings.host} asks for encryption: choose STARTTLS or TLS."
            raise PollFailed(PollFailure.SETTINGS, message)
        try:
            if user.isascii() and password.isascii():
                self._box.login(user, password, initial_folder=None)
            else:
                self._box.login_utf8(user, password, initial_folder=None)
        except MailboxLoginError as no:
            raise refused(self._settings, str(no.command_result[1])) from None
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as no:  # AUTHENTICATE raises where LOGIN answers
            raise refused(self._settings, str(no)) from None

    def _not_opened(self) -> PollFailed:
        names, folder = self.folders(), self._settings.folder
        # A server may refuse for its own reasons (a lock, a full disk); INBOX is one name in any case (RFC 9051, 5.1).
        if folder in names or (folder.upper() == "INBOX" and "INBOX" in map(str.upper, names)):
            return PollFailed(PollFailure.UNREACHABLE, f"{self._settings.host} does not open {folder} at the moment.")
        told = ", ".join(names[:20]) or _ABSENT
        return PollFailed(PollFailure.SETTINGS, f"There is no folder {folder}. There are: {told}.")

    def _code(self, name: str) -> int | None:
        _, values = self._box.client.response(name)
        text = values[-1] if values and values[-1] is not None else b""
        return int(text) if text.isdigit() else None

    def _uids(self, criteria: str) -> list[int]:
        return [int(uid) for uid in self._box.uids(criteria, charset=None) if uid.isdigit()]

    def _fetch(self, uids: Sequence[int], parts: str) -> list[Any]:
        if not uids:
            return []
        status, answers = self._box.client.uid("FETCH", ",".join(map(str, uids)), parts)
        if status != "OK":
            raise PollFailed(PollFailure.PROTOCOL, f"{self._settings.host} did not hand out a mail that it listed.")
        return [answer for answer in answers if answer is not None]


def guard_of(config: Mapping[str, Any]) -> AddressGuard:
    """The guard of a connection: the public internet, and private networks where its settings allow them."""
    return AddressGuard(networks=PRIVATE if config.get("allow_private") is True else ())


PRIVATE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")


class _Box(BaseMailBox):
    def __init__(self, client: Client) -> None:
        self._made = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._made


def _refuse_plain(settings: MailSettings, place: Pinned) -> None:
    is_here = place.address == "::1" or place.address.startswith("127.")
    if settings.security == Security.PLAIN and not (is_here or settings.allow_plain):
        message = f"The password would travel to {settings.host} unencrypted: choose TLS or STARTTLS."
        raise PollFailed(PollFailure.SETTINGS, message)


def _bodies(answers: Sequence[Any]) -> dict[int, bytes]:
    """The literals of a FETCH answer by number, which may stand before or behind the literal."""
    found = {}
    for at, answer in enumerate(answers):
        if not isinstance(answer, tuple):
            continue
        behind = answers[at + 1] if at + 1 < len(answers) and isinstance(answers[at + 1], bytes) else b""
        uid = _UID.search(answer[0]) or _UID.search(behind)
        if uid and b"BODY[" in answer[0]:
            found[int(uid.group(1))] = answer[1]
    return found


def _arrived(line: bytes) -> datetime | None:
    found = _ARRIVED.search(line)
    if found is None:
        return None
    try:
        return datetime.strptime(found.group(1).decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None
