"""Polling: claimed once, stored with the cursor, tried again later and later, never holding up others (23, 24)."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import connection as database
from django.test import override_settings

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import AuditEntry, Connection, Secret
from dct_site.kernel import journal
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_listener, make_trigger
from tests.factories.workspaces import make_connection
from tests.simulators.mailboxes import PASSWORD, DemoServer, deliver, renumber, settings_of
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import ContextListener, Delivery, Event, Execution, PendingDelivery
from triggers.services import listeners, mailboxes, poll
from triggers.services.decide.pending import decide_pending
from triggers.services.keeping.retention import change_retention
from triggers.services.poll import poll_due, polls
from triggers.sources import registry
from triggers.sources.base import Arrival, Polled, PollFailed, PollFailure
from triggers.sources.email.settings import InvalidMailSettings
from workspaces.enums import ItemKind
from workspaces.models import ContextItem

BY = Actor.system()
Poll = Callable[[Mapping[str, Any]], Polled]


class Scripted:
    """A source whose polls are functions of the cursor."""

    kind = Source.EMAIL.value

    def __init__(self) -> None:
        self.poller: Scripted | None = self
        self.asked: list[Mapping[str, Any]] = []
        self.told: list[Mapping[str, str]] = []
        self.polls: dict[str, Poll] = {}
        self.known_since: datetime | None = None

    def poll(
        self,
        *,
        config: Mapping[str, Any],
        secrets: Mapping[str, str],
        cursor: Mapping[str, Any],
        known_since: datetime,
        now: datetime,
    ) -> Polled:
        self.asked.append(cursor)
        self.known_since = known_since
        self.told.append(secrets)
        return self.polls[config["host"]](cursor)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    source = Scripted()
    monkeypatch.setitem(registry._entries, Source.EMAIL.value, source)
    yield source
    wait_for_all()


def wait_for_all(owner: str = "me", now: datetime = NOON) -> int:
    """Finish whatever is under way; return how many polls ended."""
    ended = 0
    while polls.is_busy():
        for one in list(polls._under_way):
            assert one.done.wait(60)
        ended += poll_due(owner=owner, now=now, limit=0)
    return ended


def poll_all(owner: str = "me", now: datetime = NOON) -> int:
    """Poll what is due and wait for it."""
    return poll_due(owner=owner, now=now) + wait_for_all(owner, now)


def make_mailbox(host: str = "mail.example.com", **over: Any) -> ContextListener:
    """A polled listener that is due."""
    connection = make_connection(source=Source.EMAIL, config={"host": host, "username": "robin"})
    Secret.objects.create(connection=connection, name="password", value="pw", created_at=NOON)
    values = {"listener_type": ListenerType.EMAIL, "next_due_at": NOON, "polling_interval_ms": 10_000, **over}
    return make_listener(connection=connection, **values)


def brings(*keys: str, has_more: bool = False) -> Poll:
    arrivals = [Arrival(body=f"Message-ID: <{key}@x>\n\nx".encode(), delivery_key=key) for key in keys]
    return lambda cursor: Polled(arrivals, {"at": keys[-1] if keys else "start"}, has_more)


def fails(failure: PollFailure = PollFailure.UNREACHABLE, **more: Any) -> Poll:
    def poll(cursor: Mapping[str, Any]) -> Polled:
        raise PollFailed(failure, "It is not there.", **more)

    return poll


@pytest.mark.django_db
def test_what_a_poll_brings_is_stored_with_its_cursor(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.polls["mail.example.com"] = brings("1:1", "1:2")

    assert poll_all() == 1

    row.refresh_from_db()
    assert [one.delivery_key for one in Delivery.objects.order_by("id")] == ["1:1", "1:2"]
    assert PendingDelivery.objects.count() == 2
    assert row.cursor["at"] == "1:2"
    assert (row.last_checked, row.claimed_by) == (NOON, "")
    assert row.next_due_at is not None
    assert timedelta(seconds=9) <= row.next_due_at - NOON <= timedelta(seconds=11)
    assert scripted.told == [{"password": "pw"}]
    assert poll_all(now=after(1)) == 0


@pytest.mark.django_db
def test_a_poll_is_told_since_when_repeats_are_known(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.polls["mail.example.com"] = brings()
    change_retention(connection=row.connection, by=Actor.system(), now=NOON, tombstones_days=500)

    poll_all()

    assert scripted.known_since == NOON - timedelta(days=500)


@pytest.mark.django_db
def test_a_full_batch_is_due_again_at_once(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.polls["mail.example.com"] = brings("1:1", has_more=True)

    poll_all()

    row.refresh_from_db()
    assert row.next_due_at == NOON


@pytest.mark.django_db
def test_only_what_is_due_and_free_is_polled(scripted: Scripted) -> None:
    make_mailbox("later", next_due_at=after(1))
    make_mailbox("paused", status=ListenerStatus.PAUSED)
    make_mailbox("claimed", claimed_by="somebody", claimed_until=after(1))
    make_listener(connection=make_connection(), next_due_at=NOON)
    off = make_mailbox("off").connection
    Connection.objects.filter(pk=off.pk).update(is_enabled=False)

    assert poll_all() == 0
    assert not scripted.asked


@pytest.mark.django_db
def test_a_claim_that_ran_out_is_taken_over(scripted: Scripted) -> None:
    make_mailbox(claimed_by="dead", claimed_until=NOON)
    scripted.polls["mail.example.com"] = brings()

    assert poll_all() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("meanwhile", ["paused", "claimed by another"])
def test_a_poll_that_lost_its_listener_leaves_nothing(scripted: Scripted, meanwhile: str) -> None:
    row = make_mailbox()
    go = threading.Event()

    def slow(cursor: Mapping[str, Any]) -> Polled:
        assert go.wait(60)
        return brings("1:1")(cursor)

    scripted.polls["mail.example.com"] = slow
    assert poll_due(owner="me", now=NOON) == 0
    if meanwhile == "paused":
        row.refresh_from_db()
        listeners.pause_listener(listener=row, by=BY, now=NOON)
    else:
        ContextListener.objects.update(claimed_by="another", claimed_until=after(500))
    go.set()
    wait_for_all()

    row.refresh_from_db()
    assert not Delivery.objects.exists()
    assert row.cursor == {}
    assert row.claimed_by == ("" if meanwhile == "paused" else "another")


@pytest.mark.django_db
def test_a_source_that_hangs_does_not_hold_up_the_others(scripted: Scripted) -> None:
    make_mailbox("hangs")
    make_mailbox("works")
    go = threading.Event()
    scripted.polls["works"] = brings("1:1")

    def hang(cursor: Mapping[str, Any]) -> Polled:
        assert go.wait(60)
        return brings()(cursor)

    scripted.polls["hangs"] = hang
    try:
        assert poll_due(owner="me", now=NOON) == 1
        assert Delivery.objects.count() == 1
        assert poll_due(owner="me", now=after(20)) == 1
    finally:
        go.set()
    assert wait_for_all(now=after(21)) == 1


@pytest.mark.django_db
def test_a_poll_that_takes_long_keeps_its_claim_while_its_process_lives(scripted: Scripted) -> None:
    row = make_mailbox()
    go = threading.Event()

    def slow(cursor: Mapping[str, Any]) -> Polled:
        assert go.wait(60)
        return brings("1:1")(cursor)

    scripted.polls["mail.example.com"] = slow
    for seconds in range(0, 100, 10):
        assert poll_due(owner="me", now=after(seconds), limit=0 if seconds else 1) == 0
        row.refresh_from_db()
        assert row.claimed_until is not None
        assert row.claimed_until > after(seconds + 15)
    go.set()
    assert wait_for_all(now=after(100)) == 1
    assert Delivery.objects.count() == 1


@pytest.mark.django_db
def test_a_claim_that_was_taken_over_is_not_renewed(scripted: Scripted) -> None:
    row = make_mailbox()
    go = threading.Event()

    def slow(cursor: Mapping[str, Any]) -> Polled:
        assert go.wait(60)
        return brings("1:1")(cursor)

    scripted.polls["mail.example.com"] = slow
    assert poll_due(owner="me", now=NOON) == 0
    ContextListener.objects.update(claimed_by="another", claimed_until=after(60))
    assert poll_due(owner="me", now=after(25), limit=0) == 0
    row.refresh_from_db()
    assert (row.claimed_by, row.claimed_until) == ("another", after(60))
    go.set()
    assert wait_for_all(now=after(26)) == 1
    assert not Delivery.objects.exists()


@pytest.mark.django_db
def test_failures_back_off_open_the_breaker_and_one_success_heals(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.polls["mail.example.com"] = fails()
    now, seen, pauses = NOON, [], []
    for _ in range(12):
        assert poll_all(now=now) == 1
        row.refresh_from_db()
        assert row.next_due_at is not None
        seen.append(row.status)
        pauses.append((row.next_due_at - now).total_seconds())
        now = row.next_due_at

    assert seen[:6] == ["healthy", "degraded", "degraded", "degraded", "breaker_open", "breaker_open"]
    assert pauses[4] > pauses[2] >= 8
    assert 720 <= pauses[-1] <= 1080
    assert row.status_reason.startswith("It is not there. Next try at ")
    assert row.cursor.keys() == {"seconds"}

    scripted.polls["mail.example.com"] = brings()
    poll_all(now=now)
    row.refresh_from_db()
    assert (row.status, row.status_reason, row.failures) == (ListenerStatus.HEALTHY, "", 0)
    moved = journal.rows().filter(kind="listener", object_id=row.pk).order_by("id")
    assert [line.to for line in moved] == ["degraded", "breaker_open", "healthy"]


@pytest.mark.django_db
def test_refused_credentials_are_a_state_of_their_own_and_tried_rarely(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.polls["mail.example.com"] = fails(PollFailure.CREDENTIALS)

    poll_all()

    row.refresh_from_db()
    assert row.status == ListenerStatus.CREDENTIAL_EXPIRED
    assert row.next_due_at is not None
    assert row.next_due_at - NOON >= timedelta(minutes=12)


@pytest.mark.django_db
def test_a_source_that_asks_to_wait_is_left_alone(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.polls["mail.example.com"] = fails(retry_after_s=3600)

    poll_all()

    row.refresh_from_db()
    assert row.next_due_at == NOON + timedelta(hours=1)


@pytest.mark.django_db
def test_a_bug_in_a_poller_is_a_failure_of_that_listener_alone(scripted: Scripted) -> None:
    row = make_mailbox()

    def broken(cursor: Mapping[str, Any]) -> Polled:
        raise ZeroDivisionError

    scripted.polls["mail.example.com"] = broken

    assert poll_all() == 1

    row.refresh_from_db()
    assert "ZeroDivisionError" in row.status_reason


@pytest.mark.django_db
def test_a_source_that_is_no_longer_polled_says_so(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.poller = None

    assert poll_all() == 1

    row.refresh_from_db()
    assert "This source is not polled." in row.status_reason


@pytest.mark.django_db
def test_a_listener_that_another_process_claims_in_between_is_left_to_it(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_mailbox("first")
    second = make_mailbox("second", next_due_at=after(1))
    scripted.polls["first"] = brings()
    reading = poll._secrets

    def claimed_meanwhile(connection_id: int) -> Any:
        ContextListener.objects.filter(pk=second.pk).update(claimed_by="another", claimed_until=after(500))
        return reading(connection_id)

    monkeypatch.setattr(poll, "_secrets", claimed_meanwhile)

    assert poll_all(now=after(1)) == 1

    second.refresh_from_db()
    assert (second.claimed_by, second.last_checked, len(scripted.asked)) == ("another", None, 1)


@pytest.mark.django_db
def test_slow_polls_degrade_and_quick_ones_heal() -> None:
    row = make_mailbox(polling_interval_ms=60_000)

    def health(*seconds: float) -> listeners.Health:
        return listeners.after_success(row=row, took_s=seconds, has_more=False, now=NOON, luck=0.5)

    assert health(20, 1, 20).status == ListenerStatus.HEALTHY
    assert health(20, 1, 20, 1, 20).status == ListenerStatus.DEGRADED
    assert health(20, 20, 20, 1, 1, 1).status == ListenerStatus.HEALTHY
    assert health(1).next_due_at == NOON + timedelta(minutes=1)
    kept = listeners.with_seconds({"a": 1}, {"seconds": [1, 2, 3, 4, 5]}, 6)
    assert kept == {"a": 1, "seconds": [2, 3, 4, 5, 6]}


@pytest.mark.django_db
def test_a_secret_that_cannot_be_read_is_told_and_a_key_that_is_put_back_is_found_soon(scripted: Scripted) -> None:
    row = make_mailbox()
    scripted.polls["mail.example.com"] = brings()
    with override_settings(DCT_ENCRYPTION_KEYS=Fernet.generate_key().decode()):
        poll_all()
    assert scripted.asked == []

    row.refresh_from_db()
    assert row.status == ListenerStatus.CREDENTIAL_EXPIRED
    assert "DCT_ENCRYPTION_KEYS" in row.status_reason
    assert row.next_due_at is not None

    assert row.next_due_at - NOON < timedelta(minutes=1)
    poll_all(now=row.next_due_at)

    row.refresh_from_db()
    assert (row.status, row.status_reason) == (ListenerStatus.HEALTHY, "")


@pytest.mark.django_db
def test_people_poll_now_pause_and_resume(scripted: Scripted) -> None:
    row = make_mailbox(next_due_at=after(500))
    scripted.polls["mail.example.com"] = brings()
    listeners.poll_now(listener=row, by=BY, now=NOON)
    assert poll_all() == 1

    row.refresh_from_db()
    listeners.pause_listener(listener=row, by=BY, now=NOON)
    listeners.pause_listener(listener=row, by=BY, now=NOON)
    assert (row.status, row.next_due_at) == (ListenerStatus.PAUSED, None)
    with pytest.raises(listeners.NotPolled, match="resume it first"):
        listeners.poll_now(listener=row, by=BY, now=NOON)

    listeners.resume_listener(listener=row, by=BY, now=after(9))
    listeners.resume_listener(listener=row, by=BY, now=after(9))
    assert (row.status, row.next_due_at) == (ListenerStatus.HEALTHY, after(9))
    actions = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["listener.polled_by_hand", "listener.paused", "listener.resumed"]
    with pytest.raises(listeners.NotPolled):
        listeners.pause_listener(listener=make_listener(connection=make_connection()), by=BY, now=NOON)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoServer]:
    made = DemoServer(tmp_path)
    made.start()
    yield made
    made.stop()


def connect(server: DemoServer, **over: Any) -> Connection:
    return mailboxes.create_mail_connection(
        name="Support", owner=make_user(), password=PASSWORD, by=BY, now=NOON, **settings_of(server, **over)
    )


@pytest.mark.django_db(transaction=True)
def test_a_mail_fires_once_from_the_mailbox_to_the_execution(server: DemoServer) -> None:
    deliver(server, "old", at=after(-3600))
    connection = connect(server)
    trigger = make_trigger(connection=connection, owner=connection.owner, limits={"stale_after_s": None})
    assert poll_all() == 1
    assert not Delivery.objects.exists()
    deliver(server, "new")

    assert poll_all(now=after(120)) == 1
    assert decide_pending(now=after(121)) == 1

    event = Event.objects.get()
    assert (event.type, event.subject, event.facts["title"]) == ("email.message", "new@example.com", "new")
    assert Execution.objects.get().trigger == trigger
    thread = ContextItem.objects.get(kind=ItemKind.MAIL_THREAD)
    assert thread.parent == ContextItem.objects.get(kind=ItemKind.MAILBOX)
    assert thread.parent.is_watched

    renumber(server)
    assert poll_all(now=after(300)) == 1
    assert Delivery.objects.count() == 2
    decide_pending(now=after(301))
    assert Event.objects.count() == Execution.objects.count() == 1


def poll_in_a_process(now: datetime, crash_at: str) -> int:
    given = database.settings_dict
    host = f"{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT'] or 5432}"
    url = f"sqlite:///{given['NAME']}" if database.vendor == "sqlite" else f"postgresql://{host}/{given['NAME']}"
    environment = {
        **os.environ,
        "DCT_DATABASE_URL": url,
        "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "dct_site.settings",
        "DCT_CRASH_AT": crash_at,
    }
    program = [sys.executable, str(Path(__file__).with_name("poller.py")), now.isoformat()]
    return subprocess.run(program, env=environment, timeout=120, check=False).returncode


@pytest.mark.unmeasured
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("place", "is_committed"), [("poll.fetched", False), ("poll.stored", False), ("poll.committed", True)]
)
def test_a_poller_that_is_killed_leaves_neither_gap_nor_repeat(
    server: DemoServer, place: str, is_committed: bool
) -> None:
    connect(server)
    poll_all()
    deliver(server, "one")
    deliver(server, "two")

    assert poll_in_a_process(after(120), place) == -signal.SIGKILL
    assert Delivery.objects.count() == (2 if is_committed else 0)

    deliver(server, "three")
    poll_all(now=after(400))

    assert [one.delivery_key.partition(":")[2] for one in Delivery.objects.order_by("id") if one.delivery_key] == [
        "1",
        "2",
        "3",
    ]
    row = ContextListener.objects.get()
    assert (row.cursor["uid"], row.claimed_by) == (3, "")


@pytest.mark.django_db
def test_a_mailbox_is_tried_before_it_is_stored(server: DemoServer) -> None:
    deliver(server, "one")
    tried = mailboxes.check_connection(password=PASSWORD, **settings_of(server))
    assert (tried.folders, tried.mails) == (["INBOX"], 1)
    with pytest.raises(PollFailed, match="refused"):
        mailboxes.check_connection(password="wrong", **settings_of(server))
    with pytest.raises(InvalidMailSettings, match="Name the mail server"):
        mailboxes.check_connection(password="x", **settings_of(server, host=""))


@pytest.mark.django_db
def test_a_mail_connection_is_stored_whole_and_its_password_never_shown(server: DemoServer) -> None:
    connection = connect(server, authserv_id="mx.example.com", allowed_actors=["ana@example.com"])

    assert connection.config["authserv_id"] == "mx.example.com"
    assert Secret.objects.get(connection=connection).value == PASSWORD
    row = ContextListener.objects.get()
    assert (row.listener_type, row.item, row.next_due_at) == (ListenerType.EMAIL, None, NOON)
    assert all(PASSWORD not in str(entry.after) for entry in AuditEntry.objects.all())
    with pytest.raises(InvalidMailSettings) as refused:
        mailboxes.create_mail_connection(
            name="x", owner=connection.owner, password="a\r\nb", by=BY, now=NOON, **settings_of(server, port=0)
        )
    assert {problem.path for problem in refused.value.problems} == {"port", "password"}
    assert Connection.objects.count() == 1


@pytest.mark.django_db
def test_a_new_password_is_tried_at_once(scripted: Scripted) -> None:
    expired = make_mailbox("a", status=ListenerStatus.CREDENTIAL_EXPIRED, next_due_at=after(900), failures=7)
    well = make_mailbox("b", next_due_at=after(900))

    for row in (expired, well):
        mailboxes.change_password(connection=row.connection, password="new", by=BY, now=NOON)
        row.refresh_from_db()
        assert (row.status, row.next_due_at, row.failures) == (ListenerStatus.HEALTHY, NOON, 0)
        assert Secret.objects.get(connection=row.connection).value == "new"
    with pytest.raises(InvalidMailSettings):
        mailboxes.change_password(connection=well.connection, password="", by=BY, now=NOON)
