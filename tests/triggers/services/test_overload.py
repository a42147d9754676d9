"""What each rung of the ladder does, how it is told, and that nobody goes by one that nobody looks at."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.enums import Role
from accounts.models import JournalEntry
from agents.enums import Rung, StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.overload import rung_now
from agents.selectors.queue import queue
from agents.services.admission import admit
from agents.services.admission.parking import unpark
from agents.starts import starts
from dct_site.kernel.lockwaits import lock_wait_s
from dct_site.kernel.wake import Topic
from tests.agents.handlers import RecordingHandler
from tests.factories.accounts import make_user
from tests.factories.agents import make_start, set_limits
from tests.factories.executions import make_running_trigger
from tests.factories.triggers import NOON, make_delivery, make_jira
from tests.factories.world import make_bulk, make_world
from tests.triggers.api.test_triggers import Caller
from triggers.enums import BulkStatus
from triggers.selectors.health import health
from triggers.services import overload
from triggers.services.backtest.aside import Busy, aside
from triggers.services.keeping.erase_work import erase_some
from triggers.services.listeners import after_success
from triggers.services.overload import look_at_load, measured
from triggers.services.replays.bulk_work import replay_some

pytestmark = pytest.mark.django_db
S = timedelta(seconds=1)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[Topic]:
    """Whom anything would wake on commit."""
    found: list[Topic] = []
    monkeypatch.setattr("dct_site.kernel.wake.poke_on_commit", found.append)
    return found


def stand_on(rung: Rung, *, looked_at: datetime = NOON) -> None:
    Limits.objects.update(rung=rung, rung_at=NOON, rung_reason="a lot waits", rung_looked_at=looked_at)


def told(*, at: datetime = NOON) -> list[tuple[str, str]]:
    return [(reason.state, reason.text) for reason in health(now=at).reasons if reason.code == "overload"]


def test_a_backlog_leads_up_is_journalled_and_leads_down_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "_disk_used", lambda: 0.5)
    delivery = make_delivery(make_jira(), now=NOON)
    assert look_at_load(now=NOON + 9 * S) is False
    assert Limits.objects.get().rung_looked_at is None  # while all is calm nothing is written
    assert look_at_load(now=NOON + 31 * S) is True
    assert look_at_load(now=NOON + 36 * S) is True
    assert rung_now(NOON + 36 * S) == Rung.LOW_WAITS
    delivery.pending.delete()
    for second in range(37, 37 + 31):
        look_at_load(now=NOON + second * S)
    assert rung_now(NOON + 68 * S) == Rung.CALM
    entries = JournalEntry.objects.filter(kind="overload").order_by("pk").values_list("came_from", "to", "reason")
    assert list(entries) == [
        ("calm", "polls_slow", "a delivery has waited for its answer for 31 s"),
        ("polls_slow", "low_waits", "a delivery has waited for its answer for 36 s"),
        ("low_waits", "polls_slow", "a delivery has waited for its answer for 36 s"),
        ("polls_slow", "calm", "it is over"),
    ]


def test_what_is_measured_is_what_lies_there() -> None:
    connection_ = make_jira()
    make_delivery(connection_, now=NOON - 5 * S)
    make_delivery(connection_, now=NOON)
    found = measured(NOON)
    assert (found["decide_age_s"], found["decide_count"]) == (5, 2)
    assert 0 < found["disk_used"] < 1
    assert 0 <= found["lock_wait_s"] < 5
    assert 0 <= lock_wait_s() < 5


def test_low_priorities_wait_and_say_why_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limits()
    monkeypatch.setitem(starts._entries, "test", RecordingHandler())
    stand_on(Rung.LOW_WAITS)
    low, usual, resumed = make_start(1, priority=4), make_start(2), make_start(3, priority=1, is_resumed=True)
    assert admit(now=NOON) == 2
    assert StartRequest.objects.get(pk=low.pk).status == StartStatus.PARKED
    for start in (usual, resumed):
        assert StartRequest.objects.get(pk=start.pk).status == StartStatus.ADMITTED
    (waiting,) = queue(now=NOON)
    assert waiting.reason == "DCT is overloaded (a lot waits): priorities below 5 wait"
    stand_on(Rung.POLLS_SLOW)
    assert unpark(key="ladder", now=NOON) == 1
    assert admit(now=NOON) == 1


def test_nobody_goes_by_a_rung_that_was_not_looked_at_for_a_while() -> None:
    stand_on(Rung.DOOR_CLOSED)
    assert rung_now(NOON + 30 * S) == Rung.DOOR_CLOSED
    assert rung_now(NOON + 31 * S) == Rung.CALM
    assert told(at=NOON + 31 * S) == []


@pytest.mark.parametrize(
    ("rung", "state", "words"),
    [
        (Rung.POLLS_SLOW, "warning", "Overload: polls are slower, for a lot waits."),
        (Rung.DOOR_CLOSED, "error", "webhooks are turned away, for a lot waits."),
    ],
)
def test_health_and_status_tell_the_rung_and_what_gives_way(rung: Rung, state: str, words: str) -> None:
    stand_on(rung)
    ((found, text),) = told()
    assert found == state
    assert text.endswith(words)
    stand_on(rung, looked_at=datetime.now(UTC))
    shown = Caller(make_user(role=Role.SUPPORT)).get("/api/v1/status/").json()["overload"]
    told_of = {"rung": rung, "name": rung.label, "since": "2026-11-20T12:00:00Z", "reason": "a lot waits"}
    assert shown.items() >= told_of.items()
    assert text.startswith(f"Overload: {', '.join(shown['holds_back'])}, for")


def test_polls_take_their_time() -> None:
    row = make_jira().listeners.get()
    due = after_success(row=row, took_s=[1.0], has_more=True, now=NOON, slower=4.0, luck=0.5).next_due_at
    assert due == NOON + 4 * 60 * S


def test_bulk_work_stops() -> None:
    owner = make_user()
    world = make_world(owner)
    bulk = make_bulk(owner, world.trigger, status=BulkStatus.RUNNING)
    stand_on(Rung.BULK_STOPS)
    assert (replay_some(now=NOON), erase_some(now=NOON)) == (0, 0)
    bulk.refresh_from_db()
    assert (bulk.status, bulk.after_id) == (BulkStatus.RUNNING, 0)
    trigger = make_running_trigger()
    with pytest.raises(Busy, match="too much to do"):
        aside.backtest(trigger=trigger, document={}, by=owner, since=NOON, until=NOON, now=NOON)


def test_what_was_stopped_is_woken_when_its_rung_is_left(monkeypatch: pytest.MonkeyPatch, woken: list[Topic]) -> None:
    monkeypatch.setattr(overload, "_disk_used", lambda: 0.5)
    stand_on(Rung.BULK_STOPS)
    Limits.objects.update(rung_calm_since=NOON)
    assert look_at_load(now=NOON + 20 * S) is True
    assert rung_now(NOON + 20 * S) == Rung.LOW_WAITS
    assert {Topic.REPLAY, Topic.ERASE} <= set(woken)


def test_a_disk_that_cannot_be_asked_is_for_health_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> float:
        raise OSError("no such directory")

    monkeypatch.setattr("triggers.services.overload.files.free_share", gone)
    assert measured(NOON)["disk_used"] == 0.0
