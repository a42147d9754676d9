"""Polling real mailboxes: baseline, new mails, what comes back twice, new numbers, and servers that do not help."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from imap_tools.errors import MailboxFolderSelectError

from dct_site.kernel.outbound import AddressGuard
from tests.simulators.mailboxes import (
    HOST,
    PASSWORD,
    DemoServer,
    Dovecot,
    Server,
    deliver,
    renumber,
    settings_of,
    signed_in,
)
from triggers.sources.base import Arrival, Polled, PollFailed, PollFailure
from triggers.sources.email import client, poller
from triggers.sources.email.client import Mailbox
from triggers.sources.email.failures import failure_of
from triggers.sources.email.poller import MailPoller
from triggers.sources.email.settings import InvalidMailSettings, MailSettings, Security, problems_of

pytestmark = pytest.mark.one_pass


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(
    params=[pytest.param(Dovecot, marks=pytest.mark.dovecot, id="dovecot"), pytest.param(DemoServer, id="demo")]
)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    made: Server = request.param(tmp_path)
    made.start()
    yield made
    made.stop()


def poll(
    server: Server,
    cursor: Any = None,
    *,
    password: str = PASSWORD,
    now: datetime | None = None,
    known_since: datetime = LONG_AGO,
    **over: Any,
) -> Polled:
    return MailPoller().poll(
        config=settings_of(server, **over),
        secrets={"password": password},
        cursor=cursor or {},
        known_since=known_since,
        now=now or datetime.now(UTC),
    )


def subjects(arrivals: Sequence[Arrival]) -> list[str]:
    return [line[9:].decode() for one in arrivals for line in one.body.splitlines() if line.startswith(b"Subject: ")]


def lines(raw: bytes) -> bytes:
    """A mail with Unix line ends, as some servers keep it."""
    return raw.replace(b"\r\n", b"\n")


def test_the_first_poll_is_a_baseline_that_brings_nothing(server: Server) -> None:
    deliver(server, "old")

    polled = poll(server)

    assert list(polled.arrivals) == []
    assert polled.cursor["uid"] == 1
    assert not poll(server, polled.cursor).arrivals


def test_an_empty_mailbox_has_a_baseline_too(server: Server) -> None:
    cursor = poll(server).cursor
    deliver(server, "first")

    assert subjects(poll(server, cursor).arrivals) == ["first"]


def test_a_new_mail_comes_once_as_it_is_and_stays_unread(server: Server) -> None:
    deliver(server, "old")
    cursor = poll(server).cursor
    raw = deliver(server, "new", From="Ana <ana@example.com>")

    polled = poll(server, cursor)

    (arrival,) = polled.arrivals
    assert lines(arrival.body) == lines(raw)
    assert arrival.delivery_key == f"{cursor['uidvalidity']}:2"
    assert arrival.headers["x-imap-folder"] == "INBOX"
    assert datetime.fromisoformat(arrival.headers["x-imap-internaldate"]).tzinfo is not None
    assert arrival.trust_tier == "open"
    assert not poll(server, polled.cursor).arrivals
    with signed_in(server) as box:
        assert all("\\Seen" not in mail.flags for mail in box.fetch("ALL", mark_seen=False))


def test_a_full_batch_asks_for_the_next_one(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "BATCH", 2)
    cursor = poll(server).cursor
    for number in range(5):
        deliver(server, f"mail-{number}")

    found, has_more = [], True
    while has_more:
        polled = poll(server, cursor)
        cursor, has_more = polled.cursor, polled.has_more
        found.append(subjects(polled.arrivals))

    assert found == [["mail-0", "mail-1"], ["mail-2", "mail-3"], ["mail-4"]]


def test_a_batch_ends_where_it_would_become_too_large(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "BATCH_BYTES", 3000)
    cursor = poll(server).cursor
    for name, size in (("large", 9000), ("small-1", 100), ("small-2", 100), ("big", 2800)):
        deliver(server, name, text="x" * size)

    found, has_more = [], True
    while has_more:
        polled = poll(server, cursor)
        cursor, has_more = polled.cursor, polled.has_more
        found.append(subjects(polled.arrivals))

    assert found == [["large"], ["small-1", "small-2"], ["big"]]


def test_of_a_mail_that_is_too_large_the_beginning_comes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST", 5000)
    monkeypatch.setattr(client, "CUT_TO", 1000)
    cursor = poll(server).cursor
    raw = deliver(server, "huge", text="x" * 9000)

    (arrival,) = poll(server, cursor).arrivals

    assert len(arrival.body) == 1000
    assert lines(raw).startswith(lines(arrival.body))
    assert int(arrival.headers["x-imap-size"]) > 9000


def test_a_mail_that_shows_late_below_the_highest_number_is_not_missed(server: Server) -> None:
    cursor = dict(poll(server).cursor)
    deliver(server, "slow")
    deliver(server, "fast")
    # As if only the second one had been there at the last poll.
    cursor |= {"uid": 2, "taken": [2]}

    assert subjects(poll(server, cursor).arrivals) == ["slow"]


def test_deleted_mails_leave_no_gap(server: Server) -> None:
    cursor = poll(server).cursor
    deliver(server, "one")
    deliver(server, "two")
    with signed_in(server) as box:
        box.delete("1")

    polled = poll(server, cursor)
    deliver(server, "three")

    assert subjects(polled.arrivals) == ["two"]
    assert subjects(poll(server, polled.cursor).arrivals) == ["three"]


def test_renumbering_brings_back_what_came_since_the_baseline_and_nothing_older(server: Server) -> None:
    baseline_at = datetime.now(UTC)
    deliver(server, "before", at=baseline_at - timedelta(minutes=10))
    deliver(server, "long-before", at=baseline_at - timedelta(days=30))
    polled = poll(server, now=baseline_at - timedelta(minutes=5))
    deliver(server, "taken")
    polled = poll(server, polled.cursor)
    assert subjects(polled.arrivals) == ["taken"]
    deliver(server, "missed")

    renumber(server)
    again = poll(server, polled.cursor)
    deliver(server, "after")

    assert again.cursor["uidvalidity"] != polled.cursor["uidvalidity"]
    assert subjects(again.arrivals) == ["taken", "missed"]
    assert subjects(poll(server, again.cursor).arrivals) == ["after"]


def test_renumbering_brings_back_nothing_that_would_not_be_known_any_more(server: Server) -> None:
    """The first had its key deleted meanwhile: brought again, it would fire again."""
    now = datetime.now(UTC)
    polled = poll(server, now=now - timedelta(days=500))
    deliver(server, "forgotten", at=now - timedelta(days=450))
    deliver(server, "remembered", at=now - timedelta(days=300))
    polled = poll(server, polled.cursor)
    assert subjects(polled.arrivals) == ["forgotten", "remembered"]

    renumber(server)
    again = poll(server, polled.cursor, known_since=now - timedelta(days=400))

    assert subjects(again.arrivals) == ["remembered"]


def test_a_restart_keeps_the_numbers(server: Server) -> None:
    deliver(server, "old")
    cursor = poll(server).cursor
    server.stop()
    server.start()
    deliver(server, "new")

    polled = poll(server, cursor)

    assert polled.cursor["uidvalidity"] == cursor["uidvalidity"]
    assert subjects(polled.arrivals) == ["new"]


def test_a_wrong_password_is_told_as_such(server: Server) -> None:
    for wrong in ("wrong", "fälsch"):
        with pytest.raises(PollFailed, match="refused the user name or the password") as failed:
            poll(server, password=wrong)
        assert failed.value.failure == PollFailure.CREDENTIALS


def test_a_server_that_is_gone_is_told_as_such(server: Server) -> None:
    server.stop()
    with pytest.raises(PollFailed, match=f"refuses connections on port {server.port}") as failed:
        poll(server)
    assert failed.value.failure == PollFailure.UNREACHABLE


@pytest.mark.parametrize("folder", ["INBOX", "inbox"])
def test_a_folder_that_is_there_and_is_not_opened_is_the_servers_trouble(
    server: Server, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MailboxFolderSelectError(("NO", [b"Timeout while waiting for lock"]), "OK")

    monkeypatch.setattr("imap_tools.folder.MailBoxFolderManager.set", refuse)
    with pytest.raises(PollFailed, match=f"does not open {folder} at the moment") as failed:
        poll(server, folder=folder)
    assert failed.value.failure == PollFailure.UNREACHABLE


def test_a_missing_folder_is_told_with_those_that_are_there(server: Server) -> None:
    with pytest.raises(PollFailed, match=r"There is no folder Nope\. There are: .*INBOX"):
        poll(server, folder="Nope")


def test_the_own_servers_verdict_makes_a_sender_verified(server: Server) -> None:
    cursor = poll(server).cursor
    deliver(server, "vouched-for", Authentication_Results="mx.example.com; dkim=pass header.d=example.com")
    deliver(server, "not-vouched-for")

    def tiers(**over: Any) -> list[str]:
        return [one.trust_tier for one in poll(server, cursor, **over).arrivals]

    assert tiers() == ["open", "open"]
    assert tiers(authserv_id="mx.example.com") == ["verified", "open"]
    assert tiers(authserv_id="mx.example.com", allowed_actors=["Robin@example.com"]) == ["allowed", "open"]
    assert tiers(allowed_actors=["robin@example.com"]) == ["open", "open"]


class Fake:
    """A server that says what a test wants it to say."""

    def __init__(self, *answers: bytes | None) -> None:
        self._answers = answers
        self._listening = socket.create_server((HOST, 0))
        self.port = self._listening.getsockname()[1]
        self._ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            sock, _ = self._listening.accept()
        except OSError:
            return
        with sock:
            for answer in self._answers:
                if answer is None:
                    self._ended.wait(30)
                    return
                try:
                    sock.sendall(answer)
                except OSError:
                    return
            self._ended.wait(30)

    def close(self) -> None:
        self._ended.set()
        self._listening.close()


@contextmanager
def saying(*answers: bytes | None) -> Iterator[MailSettings]:
    fake = Fake(*answers)
    yield MailSettings(HOST, fake.port, Security.PLAIN, "robin")
    fake.close()


ANYWHERE = AddressGuard(networks=("127.0.0.0/8",))


def fails(settings: MailSettings, *, total_s: float = 20.0) -> PollFailed:
    with pytest.raises(PollFailed) as failed:
        Mailbox(settings, PASSWORD, guard=ANYWHERE, total_s=total_s)
    return failed.value


def test_a_server_that_says_nothing_is_given_up() -> None:
    with saying(None) as settings:
        began = time.monotonic()
        assert "did not answer in time" in str(fails(settings, total_s=0.3))
        assert time.monotonic() - began < 10


def test_a_server_that_drips_is_given_up_when_the_whole_takes_too_long() -> None:
    listening = socket.create_server((HOST, 0))
    ended = threading.Event()

    def drip() -> None:
        sock, _ = listening.accept()
        with sock:
            while not ended.wait(0.02):
                try:
                    sock.sendall(b"*")
                except OSError:
                    return

    threading.Thread(target=drip, daemon=True).start()
    try:
        settings = MailSettings(HOST, listening.getsockname()[1], Security.PLAIN, "robin")
        assert "did not answer in time" in str(fails(settings, total_s=0.5))
    finally:
        ended.set()
        listening.close()


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"* BYE too busy\r\n",
        b"* OK {99999999999}\r\n",
        b"\x00\xff\r\n",
        b"x" * 9_000_000,
    ],
)
def test_a_server_that_speaks_something_else_is_told_as_such(greeting: bytes) -> None:
    with saying(greeting) as settings:
        assert fails(settings).failure == PollFailure.PROTOCOL


def test_a_server_without_tls_is_told_as_such() -> None:
    with saying(b"* OK hello\r\n") as settings:
        encrypted = MailSettings(HOST, settings.port, Security.SSL, "robin")
        assert "does not speak TLS" in str(fails(encrypted))


@pytest.mark.dovecot
def test_a_server_without_starttls_is_not_talked_to_in_the_clear(tmp_path: Path) -> None:
    server = Dovecot(tmp_path)
    server.start()
    try:
        with pytest.raises(PollFailed) as failed:
            poll(server, security="starttls")
        assert failed.value.failure == PollFailure.PROTOCOL
    finally:
        server.stop()


def test_a_certificate_that_does_not_hold_is_told_with_the_reason() -> None:
    wrong = ssl.SSLCertVerificationError(1, "x")
    wrong.verify_message = "self-signed certificate"
    told = failure_of(wrong, MailSettings("mail.example.com", 993, Security.SSL, "robin"))
    assert str(told) == "The certificate of mail.example.com does not hold: self-signed certificate."


def test_certificates_and_host_names_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    real = ssl.create_default_context

    def remember() -> ssl.SSLContext:
        made.append(real())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", remember)
    with saying(b"* OK hello\r\n") as settings:
        fails(MailSettings(HOST, settings.port, Security.SSL, "robin"))

    (context,) = made
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


class Talking:
    """A server that answers every command by a rule; remembers what it was told."""

    def __init__(self, capability: bytes, login: bytes) -> None:
        self.told: list[bytes] = []
        self._listening = socket.create_server((HOST, 0))
        self.settings = MailSettings(HOST, self._listening.getsockname()[1], Security.PLAIN, "robin")
        self._capability, self._login = capability, login
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        sock, _ = self._listening.accept()
        with sock, sock.makefile("rb") as commands:
            sock.sendall(b"* OK hello\r\n")
            for line in commands:
                self.told.append(line)
                tag, _, command = line.partition(b" ")
                if command.startswith(b"CAPABILITY"):
                    sock.sendall(b"* CAPABILITY IMAP4rev1 " + self._capability + b"\r\n" + tag + b" OK done\r\n")
                elif command.startswith(b"LOGIN"):
                    sock.sendall(tag + b" " + self._login + b"\r\n")
                else:
                    sock.sendall(tag + b" BAD what\r\n")
        self._listening.close()


def test_a_server_that_asks_for_encryption_does_not_get_the_password() -> None:
    server = Talking(b"LOGINDISABLED", b"NO")
    with pytest.raises(PollFailed, match="asks for encryption"):
        Mailbox(server.settings, "secret", guard=ANYWHERE)
    assert not [line for line in server.told if b"secret" in line]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"NO [AUTHENTICATIONFAILED] no", PollFailure.CREDENTIALS),
        (b"NO no", PollFailure.CREDENTIALS),
        (b"NO [UNAVAILABLE] later", PollFailure.UNREACHABLE),
        (b"NO [INUSE] later", PollFailure.UNREACHABLE),
    ],
)
def test_a_server_in_trouble_is_not_taken_for_a_wrong_password(answer: bytes, failure: PollFailure) -> None:
    server = Talking(b"", answer)
    with pytest.raises(PollFailed) as failed:
        Mailbox(server.settings, "secret", guard=ANYWHERE)
    assert failed.value.failure == failure


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "localhost"])
def test_what_is_not_public_is_not_connected_to_unless_allowed(host: str) -> None:
    config = {"host": host, "port": 143, "security": "ssl", "username": "robin"}
    with pytest.raises(PollFailed, match="is not on the public internet") as failed:
        MailPoller().poll(
            config=config, secrets={"password": "x"}, cursor={}, known_since=LONG_AGO, now=datetime.now(UTC)
        )
    assert failed.value.failure == PollFailure.SETTINGS


def test_cloud_metadata_is_never_connected_to() -> None:
    config = {"host": "169.254.169.254", "port": 80, "security": "ssl", "username": "robin", "allow_private": True}
    with pytest.raises(PollFailed, match="is not on the public internet"):
        MailPoller().poll(
            config=config, secrets={"password": "x"}, cursor={}, known_since=LONG_AGO, now=datetime.now(UTC)
        )


def test_a_password_does_not_leave_unencrypted() -> None:
    config = {"host": "10.9.9.9", "port": 143, "security": "plain", "username": "robin", "allow_private": True}
    with pytest.raises(PollFailed, match="unencrypted"):
        MailPoller().poll(
            config=config, secrets={"password": "x"}, cursor={}, known_since=LONG_AGO, now=datetime.now(UTC)
        )


def test_without_a_password_nothing_is_tried() -> None:
    config = {"host": HOST, "port": 143, "security": "plain", "username": "robin", "allow_private": True}
    with pytest.raises(PollFailed, match="enter it") as failed:
        MailPoller().poll(config=config, secrets={}, cursor={}, known_since=LONG_AGO, now=datetime.now(UTC))
    assert failed.value.failure == PollFailure.CREDENTIALS


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", ""),
        ("host", "a b"),
        ("host", None),
        ("port", 0),
        ("port", True),
        ("port", "143"),
        ("security", "tls"),
        ("username", "a\r\nb"),
        ("username", ""),
        ("folder", 'a"b'),
        ("folder", "a\nb"),
        ("folder", "*"),
        ("authserv_id", "a b"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_field(field: str, value: Any) -> None:
    config = {"host": "imap.example.com", "port": 993, "security": "ssl", "username": "robin"}
    assert problems_of(config) == []
    (problem,) = problems_of({**config, field: value})
    assert problem.path == field
    with pytest.raises(InvalidMailSettings):
        MailSettings.from_config({**config, field: value})
    with pytest.raises(PollFailed) as failed:
        MailPoller().poll(
            config={**config, field: value},
            secrets={"password": "x"},
            cursor={},
            known_since=LONG_AGO,
            now=datetime.now(UTC),
        )
    assert failed.value.failure == PollFailure.SETTINGS
