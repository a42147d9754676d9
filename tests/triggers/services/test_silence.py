"""What is silent: learned from the pauses so far, told once, and taken back with the next word."""

from datetime import datetime, timedelta

import pytest

from accounts.models import Connection, JournalEntry
from dct_site.kernel.moves import LostRace
from tests.factories.executions import make_event
from tests.factories.triggers import NOON, make_jira, make_listener
from tests.factories.workspaces import make_item
from triggers.enums import ListenerStatus, ListenerType, Origin
from triggers.models import ContextListener
from triggers.services.listeners import after_success
from triggers.services.silence import KNOWN_FOR, is_silent, look_for_silence

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("pause", "longest", "known_for", "silent"),
    [
        (61, 1, KNOWN_FOR, True),
        (60, 1, KNOWN_FOR, False),
        (181, 60, KNOWN_FOR, True),
        (180, 60, KNOWN_FOR, False),
        (100_000, 1, KNOWN_FOR - HOUR, False),
    ],
)
def test_a_silence_is_an_hour_and_three_times_the_longest_pause_after_a_week(
    pause: int, longest: int, known_for: timedelta, silent: bool
) -> None:
    pauses = timedelta(minutes=pause), timedelta(minutes=longest)
    assert is_silent(pause=pauses[0], longest=pauses[1], known_for=known_for) == silent


def hear(connection: Connection, at: datetime, **over: object) -> None:
    make_event(make_item(connection=connection), now=at, **over)
    look_for_silence(now=at + timedelta(minutes=10))


@pytest.fixture
def spoken() -> Connection:
    """A connection of which something was heard once a day for nine days; the last time at NOON."""
    connection = make_jira(name="Ferries")
    for days in range(9, -1, -1):
        hear(connection, NOON - days * DAY)
    return connection


def status() -> ListenerStatus:
    return ListenerStatus(ContextListener.objects.get().status)


def test_a_night_is_no_silence_once_nights_were_seen_and_three_of_them_are(spoken: Connection) -> None:
    look_for_silence(now=NOON + 2 * DAY + 20 * HOUR)
    assert status() == ListenerStatus.HEALTHY
    look_for_silence(now=NOON + 3 * DAY + HOUR)
    assert status() == ListenerStatus.SILENT
    assert "Nothing since 20 Nov 12:00 UTC" in ContextListener.objects.get().status_reason
    look_for_silence(now=NOON + 3 * DAY + 2 * HOUR)
    moves = JournalEntry.objects.filter(kind="listener", to=ListenerStatus.SILENT)
    assert moves.count() == 1
    hear(spoken, NOON + 4 * DAY)
    assert status() == ListenerStatus.HEALTHY
    assert ContextListener.objects.get().status_reason == ""
    # The pause that was a silence is usual from now on.
    assert ContextListener.objects.get().longest_pause_s == pytest.approx(4 * 86_400)


def test_a_replay_is_nobody_s_word(spoken: Connection) -> None:
    hear(spoken, NOON + 3 * DAY, origin=Origin.REPLAY)
    look_for_silence(now=NOON + 3 * DAY + HOUR)
    assert status() == ListenerStatus.SILENT


def test_what_fails_or_is_paused_or_switched_off_has_a_word_of_its_own(spoken: Connection) -> None:
    ContextListener.objects.update(status=ListenerStatus.BREAKER_OPEN)
    look_for_silence(now=NOON + 9 * DAY)
    assert status() == ListenerStatus.BREAKER_OPEN
    ContextListener.objects.update(status=ListenerStatus.HEALTHY)
    Connection.objects.filter(pk=spoken.pk).update(is_enabled=False)
    look_for_silence(now=NOON + 10 * DAY)
    assert status() == ListenerStatus.HEALTHY


def test_each_is_looked_at_in_its_turn_and_what_waits_for_the_clock_never() -> None:
    connections = [make_jira() for _ in range(3)]
    make_listener(connection=connections[0], item=make_item(connection=connections[0]))
    ContextListener.objects.filter(connection=connections[2]).update(listener_type=ListenerType.SCHEDULE)
    assert [look_for_silence(now=NOON, limit=1) for _ in range(3)] == [1, 1, 0]
    assert look_for_silence(now=NOON + timedelta(minutes=6)) == 2


def test_a_poll_that_goes_well_does_not_end_a_silence() -> None:
    row = make_listener(connection=make_jira(), item=make_item(), listener_type=ListenerType.EMAIL)
    row.status, row.status_reason = ListenerStatus.SILENT, "Nothing since noon."
    after = after_success(row=row, took_s=[1.0], has_more=False, now=NOON)
    assert (after.status, after.reason) == (ListenerStatus.SILENT, "Nothing since noon.")


def test_who_was_paused_meanwhile_has_a_newer_word(spoken: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object, **__: object) -> None:
        raise LostRace("it was paused")

    row = ContextListener.objects.get(connection=spoken)
    monkeypatch.setattr("triggers.services.silence.moves.move", lost)
    look_for_silence(now=NOON + 5 * DAY)
    row.refresh_from_db()
    assert row.status == ListenerStatus.HEALTHY
