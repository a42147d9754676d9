"""Bulk replays: counted before, confirmed, worked off at their own pace, exactly once whatever is killed."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError

from accounts.actor import Actor
from accounts.enums import Role, Via
from accounts.models import AuditEntry, Connection, User
from accounts.permissions import Denied
from dct_site.engine.tick import tick
from dct_site.engine.work import WORK
from dct_site.kernel.moves import IllegalMove
from dct_site.kernel.wake import NullWake, Topic
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger, status_change, ticket
from tests.triggers.services.doomed import database_url
from triggers.enums import BulkKind, BulkStatus, ExecutionStatus, Origin, Outcome, Refusal, RevisionChoice
from triggers.models import BulkReplay, Decision, Delivery, Event, Execution, Replay, Trigger
from triggers.services.decide.pending import decide_pending
from triggers.services.replays import bulk as bulk_replay
from triggers.services.replays import bulk_work as bulk_replay_work
from triggers.services.replays import delivery as redelivery
from triggers.services.replays.bulk import InvalidWish, PreviewChanged, preview
from triggers.services.replays.bulk_wish import Filters, Wish
from triggers.services.replays.bulk_work import replay_some
from triggers.services.replays.event import Manner
from triggers.services.replays.event import replay as replay_one
from triggers.services.standing import delete_trigger, pause, resume

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
LATER = after(3600)


def make_wish(**over: Any) -> Wish:
    values = {"kind": BulkKind.EVENTS, "since": NOON, "until": after(1), **over}
    return Wish(**values)


def happened(connection: Connection, count: int = 1, **fields: Any) -> list[Event]:
    """So many events, decided at noon, and no run of theirs goes on."""
    known = set(Event.objects.values_list("pk", flat=True))
    for _ in range(count):
        make_delivery(connection, fields)
    while decide_pending(now=NOON):
        pass
    end_all()
    return list(Event.objects.exclude(pk__in=known).order_by("pk"))


def end_all() -> None:
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED, ended_at=NOON)


def begin(wish: Wish, user: User | None = None) -> BulkReplay:
    user = user or make_user(role=Role.DEVELOPER)
    seen = preview(wish=wish, user=user)
    by = Actor.person(user, Via.API)
    return bulk_replay.start(wish=wish, count=seen.count, confirmation=seen.confirmation, user=user, by=by, now=LATER)


def work_off(bulk: BulkReplay, rounds: int = 50) -> BulkReplay:
    """Until nothing is left; the runs of each round end before the next."""
    for _ in range(rounds):
        replay_some(now=LATER)
        decide_pending(now=LATER)
        end_all()
        bulk.refresh_from_db()
        if bulk.status != BulkStatus.RUNNING:
            break
    return bulk


def repeated() -> Counter[int]:
    """How often each event was repeated."""
    return Counter(Event.objects.filter(origin=Origin.REPLAY).values_list("replay_of_id", flat=True))


# What it would repeat


def test_a_preview_counts_shows_the_first_and_writes_nothing() -> None:
    connection = make_jira()
    events = happened(connection, 12)

    seen = preview(wish=make_wish(), user=make_user(role=Role.DEVELOPER))

    assert (seen.count, seen.purged) == (12, 0)
    assert list(seen.sample) == events[:10]
    assert (seen.first_id, seen.last_id) == (events[0].pk, events[-1].pk)
    assert not BulkReplay.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="bulk_replay").exists()


def test_each_filter_narrows() -> None:
    trigger = make_trigger(conditions=status_change(to_status="nowhere"))
    connection, other = trigger.listeners.get().connection, make_jira()
    user = make_user(role=Role.DEVELOPER)
    (plain,) = happened(connection)
    (typed,) = happened(connection, type="jira.comment")
    (about,) = happened(connection, item={"key": "OPS-1"})
    (elsewhere,) = happened(other)
    published = trigger.published
    assert published is not None
    Decision.objects.create(
        event=typed, trigger=trigger, revision=published, outcome=Outcome.ERROR, generation=1, at=NOON
    )

    def found(trigger: Trigger | None = None, **over: Any) -> set[Event | Delivery]:
        return set(preview(wish=make_wish(filters=Filters(**over), trigger=trigger), user=user).sample)

    assert found() == {plain, typed, about, elsewhere}
    assert found(connection_id=connection.pk) == {plain, typed, about}
    assert found(event_type="jira.comment") == {typed}
    assert found(item_id=about.item_id) == {about}
    assert found(trigger) == {plain, typed, about}
    assert found(trigger, answer="error") == {typed}
    assert found(trigger, answer="fired") == set()
    assert not preview(wish=make_wish(since=after(1), until=after(2)), user=user).count


def test_replays_baselines_and_what_was_meant_for_one_trigger_are_not_repeated() -> None:
    connection = make_jira()
    (event,) = happened(connection)
    replay_one(event=event, trigger=None, by=SYSTEM, now=NOON)
    make_delivery(connection, origin=Origin.BACKFILL)
    decide_pending(now=NOON)
    Event.objects.create(**{**_fields(event), "target_trigger_id": 5})

    assert preview(wish=make_wish(), user=make_user(role=Role.DEVELOPER)).sample == (event,)


def _fields(event: Event) -> dict[str, Any]:
    names = ("connection_id", "external_id", "source", "type", "time", "accepted_at", "decided_at", "generation")
    return {name: getattr(event, name) for name in names}


def test_a_trigger_without_a_published_revision_hears_nothing() -> None:
    trigger = make_trigger()
    happened(trigger.listeners.get().connection)
    user = make_user(role=Role.DEVELOPER)
    assert preview(wish=make_wish(trigger=trigger), user=user).count == 1
    trigger.published = None
    assert preview(wish=make_wish(trigger=trigger), user=user).count == 0


def test_people_repeat_only_what_is_theirs() -> None:
    ceo = make_user(role=Role.CEO)
    (own,) = happened(make_jira(owner=ceo))
    happened(make_jira())

    assert preview(wish=make_wish(), user=ceo).sample == (own,)


@pytest.mark.parametrize(
    ("over", "path"),
    [
        ({"until": NOON}, "until"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 101}, "concurrency"),
        ({"filters": Filters(answer="error")}, "answer"),
        ({"kind": BulkKind.DELIVERIES, "filters": Filters(item_id=1)}, "kind"),
        ({"kind": BulkKind.DELIVERIES, "filters": Filters(event_type="x")}, "kind"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_at_its_field(over: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidWish) as refused:
        preview(wish=make_wish(**over), user=make_user())
    assert [problem.path for problem in refused.value.problems] == [path]


def test_more_than_one_can_repeat_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    happened(make_jira(), 2)
    monkeypatch.setattr(bulk_replay, "MOST", 1)
    with pytest.raises(InvalidWish, match="at most 1 are replayed at once"):
        preview(wish=make_wish(), user=make_user(role=Role.DEVELOPER))


# Confirmed


def test_it_begins_with_the_confirmation_of_what_was_shown_and_says_so_in_the_audit_log() -> None:
    happened(make_jira(), 3)
    bulk = begin(make_wish(concurrency=2, manner=Manner(priority=3)))

    assert (bulk.total, bulk.concurrency, bulk.priority, bulk.status) == (3, 2, 3, BulkStatus.RUNNING)
    entry = AuditEntry.objects.get(action="bulk_replay.started")
    assert (entry.object_id, entry.after["count"], entry.after["priority"]) == (bulk.pk, 3, 3)


def changed_wish(wish: Wish, user: User) -> tuple[Wish, User]:
    return replace(wish, manner=Manner(is_draft=True)), user


def more_events(wish: Wish, user: User) -> tuple[Wish, User]:
    happened(Connection.objects.get())
    return wish, user


def fewer_events(wish: Wish, user: User) -> tuple[Wish, User]:
    Event.objects.earliest("pk").delete()
    return wish, user


def less_content(wish: Wish, user: User) -> tuple[Wish, User]:
    Event.objects.filter(pk=Event.objects.earliest("pk").pk).update(purged_at=NOON)
    return wish, user


def another_person(wish: Wish, user: User) -> tuple[Wish, User]:
    return wish, make_user(role=Role.DEVELOPER)


@pytest.mark.parametrize("change", [changed_wish, more_events, fewer_events, less_content, another_person])
def test_what_changed_since_it_was_shown_asks_again(
    change: Callable[[Wish, User], tuple[Wish, User]],
) -> None:
    happened(make_jira(), 3)
    user, wish = make_user(role=Role.DEVELOPER), make_wish()
    seen = preview(wish=wish, user=user)
    wish, user = change(wish, user)

    now_there = preview(wish=wish, user=user).count
    with pytest.raises(PreviewChanged) as changed:
        bulk_replay.start(wish=wish, count=now_there, confirmation=seen.confirmation, user=user, by=SYSTEM, now=LATER)
    assert changed.value.preview.count == now_there
    assert not BulkReplay.objects.exists()


@pytest.mark.parametrize(("count", "confirmation"), [(2, None), (3, ""), (3, "made:up:")])
def test_a_wrong_number_or_no_confirmation_begins_nothing(count: int, confirmation: str | None) -> None:
    happened(make_jira(), 3)
    user = make_user(role=Role.DEVELOPER)
    token = preview(wish=make_wish(), user=user).confirmation if confirmation is None else confirmation
    with pytest.raises(PreviewChanged):
        bulk_replay.start(wish=make_wish(), count=count, confirmation=token, user=user, by=SYSTEM, now=LATER)
    assert not BulkReplay.objects.exists()


def test_nothing_is_not_replayed() -> None:
    user = make_user(role=Role.DEVELOPER)
    seen = preview(wish=make_wish(), user=user)
    with pytest.raises(InvalidWish, match="nothing to replay"):
        bulk_replay.start(wish=make_wish(), count=0, confirmation=seen.confirmation, user=user, by=SYSTEM, now=LATER)


@pytest.mark.parametrize("manner", [Manner(), Manner(priority=8)])
def test_it_takes_the_right_to_fire_the_trigger_and_one_more_for_a_high_priority(manner: Manner) -> None:
    ceo = make_user(role=Role.CEO)
    connection = make_jira(owner=ceo)
    trigger = make_trigger(connection=connection, owner=make_user() if manner.priority is None else ceo)
    happened(connection)
    with pytest.raises(Denied):
        begin(make_wish(trigger=trigger, manner=manner), user=ceo)
    assert not BulkReplay.objects.exists()


# Worked off


def test_each_event_comes_in_again_once_in_the_manner_that_was_asked_for() -> None:
    trigger = make_trigger()
    events = happened(trigger.listeners.get().connection, 5)
    manner = Manner(revision=RevisionChoice.THEN, is_draft=True, priority=2)

    bulk = work_off(begin(make_wish(trigger=trigger, manner=manner, concurrency=2)))

    assert (bulk.status, bulk.replayed, bulk.skipped, bulk.ended_at) == (BulkStatus.DONE, 5, 0, LATER)
    assert repeated() == Counter(event.pk for event in events)
    runs = Execution.objects.filter(event__origin=Origin.REPLAY)
    assert set(runs.values_list("priority", "trigger")) == {(2, trigger.pk)}
    notes = Replay.objects.values_list("is_draft", "is_under_way", "as_of")
    assert set(notes) == {(True, False, event.generation) for event in events}
    assert AuditEntry.objects.get(action="bulk_replay.done").after == {"replayed": 5, "skipped": 0}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_of_it_are_open_at_once_than_was_asked_for(concurrency: int) -> None:
    trigger = make_trigger()
    happened(trigger.listeners.get().connection, 4)
    begin(make_wish(trigger=trigger, concurrency=concurrency))
    most = 0

    for _ in range(20):
        replay_some(now=LATER)
        decide_pending(now=LATER)
        replay_some(now=LATER)
        decide_pending(now=LATER)
        going = Execution.objects.filter(event__origin=Origin.REPLAY, status=ExecutionStatus.QUEUED).order_by("pk")
        most = max(most, going.count())
        Execution.objects.filter(pk__in=going.values("pk")[:1]).update(status=ExecutionStatus.FAILED)

    assert most == concurrency
    assert BulkReplay.objects.get().status == BulkStatus.DONE


def test_what_is_not_decided_yet_is_under_way() -> None:
    happened(make_jira(), 3)
    begin(make_wish(concurrency=2))

    assert [replay_some(now=LATER), replay_some(now=LATER)] == [2, 0]
    decide_pending(now=LATER)
    assert replay_some(now=LATER) == 1


def test_what_it_repeats_is_what_was_confirmed_not_what_came_since() -> None:
    connection = make_jira()
    (event,) = happened(connection)
    bulk = begin(make_wish(until=after(100_000)))
    happened(connection, 2)

    work_off(bulk)

    assert set(repeated()) == {event.pk}


def test_what_was_purged_meanwhile_is_left_out_and_counted() -> None:
    events = happened(make_jira(), 3)
    bulk = begin(make_wish(concurrency=1))
    Event.objects.filter(pk=events[0].pk).update(purged_at=NOON)

    work_off(bulk)

    assert (bulk.replayed, bulk.skipped, bulk.skips) == (2, 1, {"inputs_purged": 1})


def test_a_slice_ends_where_its_bytes_do(monkeypatch: pytest.MonkeyPatch) -> None:
    happened(make_jira(), 3)
    begin(make_wish(concurrency=50))
    monkeypatch.setattr(bulk_replay_work, "SLICE_BYTES", 10)
    assert [replay_some(now=LATER) for _ in range(4)] == [1, 1, 1, 0]


def test_answers_wake_it_and_the_clock_does_too(pokes: NullWake) -> None:
    happened(make_jira())
    begin(make_wish())
    assert WORK[Topic.REPLAY](LATER) == 1
    pokes.pokes.clear()
    decide_pending(now=LATER)
    # Poked on commit, which a test's transaction keeps to itself: the clock's poke is seen.
    tick(LATER)
    assert Topic.REPLAY in pokes.pokes


# Paused, gone on with, cancelled


def test_a_pause_stops_it_and_it_goes_on_where_it_was() -> None:
    happened(make_jira(), 3)
    bulk = begin(make_wish())
    replay_some(now=LATER)
    decide_pending(now=LATER)
    bulk.refresh_from_db()

    bulk_replay.pause(bulk=bulk, by=SYSTEM, now=LATER)
    assert replay_some(now=LATER) == 0
    assert bulk.reason == "Paused by system."
    bulk_replay.resume(bulk=bulk, by=SYSTEM, now=LATER)
    work_off(bulk)

    assert (bulk.status, set(repeated().values()), bulk.reason) == (BulkStatus.DONE, {1}, "")
    verbs = AuditEntry.objects.filter(kind="bulkreplay").order_by("pk").values_list("action", flat=True)
    assert [verb.partition(".")[2] for verb in verbs] == ["started", "paused", "resumed", "done"]


def test_cancelled_is_for_good() -> None:
    happened(make_jira(), 3)
    bulk = begin(make_wish())
    bulk_replay.cancel(bulk=bulk, by=SYSTEM, now=LATER)

    assert replay_some(now=LATER) == 0
    with pytest.raises(IllegalMove):
        bulk_replay.resume(bulk=bulk, by=SYSTEM, now=LATER)
    assert bulk.ended_at == LATER
    assert not repeated()


def test_one_whose_owner_lost_the_right_pauses_with_the_reason() -> None:
    user = make_user(role=Role.DEVELOPER)
    happened(make_jira(), 2)
    bulk = begin(make_wish(), user=user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert replay_some(now=LATER) == 0
    bulk.refresh_from_db()
    assert bulk.status == BulkStatus.PAUSED
    assert "may no longer replay" in bulk.reason


def test_what_its_owner_may_no_longer_see_is_not_repeated() -> None:
    ceo = make_user(role=Role.CEO)
    mine = make_jira(owner=ceo)
    happened(mine, 2)
    bulk = begin(make_wish(), user=ceo)
    Connection.objects.filter(pk=mine.pk).update(owner=make_user())

    work_off(bulk)

    assert (bulk.status, bulk.replayed) == (BulkStatus.DONE, 0)


def test_one_that_breaks_pauses_itself_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    happened(make_jira(), 2)
    first, second = begin(make_wish()), begin(make_wish())
    work = bulk_replay_work._work

    def breaks(bulk: BulkReplay, now: datetime) -> int:
        if bulk == first:
            raise ValueError("broken")
        return work(bulk, now)

    monkeypatch.setattr(bulk_replay_work, "_work", breaks)
    assert replay_some(now=LATER) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (BulkStatus.PAUSED, BulkStatus.RUNNING)
    assert "ValueError" in first.reason


def test_a_database_that_is_away_pauses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    happened(make_jira())
    bulk = begin(make_wish())

    def away(*_: Any) -> int:
        raise OperationalError

    monkeypatch.setattr(bulk_replay_work, "_work", away)
    with pytest.raises(OperationalError):
        replay_some(now=LATER)
    bulk.refresh_from_db()
    assert bulk.status == BulkStatus.RUNNING


def test_a_deleted_triggers_bulk_asks_nobody() -> None:
    trigger = make_trigger()
    happened(trigger.listeners.get().connection)
    bulk = begin(make_wish(trigger=trigger))
    delete_trigger(trigger=trigger, by=SYSTEM, now=NOON)

    work_off(bulk)

    assert bulk.status == BulkStatus.DONE
    assert not Decision.objects.filter(event__origin=Origin.REPLAY).exists()


def test_what_a_paused_trigger_missed_is_fired_by_its_answer() -> None:
    trigger = make_trigger()
    pause(trigger=trigger, by=SYSTEM, now=NOON)
    happened(trigger.listeners.get().connection, 2)
    resume(trigger=trigger, by=SYSTEM, now=NOON)

    work_off(begin(make_wish(trigger=trigger, filters=Filters(answer="suppressed"), concurrency=2)))

    assert Execution.objects.filter(trigger=trigger).count() == 2


# Refused deliveries


def test_refused_deliveries_of_a_window_are_tried_again_and_the_rest_is_counted() -> None:
    connection = make_jira()
    good = [make_delivery(connection, {"raise": "a bug"}) for _ in range(2)]
    make_delivery(connection, ticket(), rejection=Refusal.NO_SECRET, endpoint_id=5)
    for never in (Refusal.BAD_SIGNATURE, Refusal.TOO_LARGE):
        make_delivery(connection, ticket(), rejection=never, endpoint_id=5)
    make_delivery(connection, now=NOON - timedelta(days=1))
    make_delivery(make_jira(), {"raise": "a bug"})
    for _ in range(20):
        decide_pending(now=NOON)

    bulk = work_off(begin(make_wish(kind=BulkKind.DELIVERIES, filters=Filters(connection_id=connection.pk))))

    assert (bulk.status, bulk.total, bulk.replayed) == (BulkStatus.DONE, 3, 2)
    assert bulk.skips == {"no_endpoint": 1}
    assert set(Replay.objects.values_list("of_delivery_id", flat=True)) == {one.pk for one in good}


def test_one_that_came_in_meanwhile_is_counted_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    make_delivery(connection, {"raise": "a bug"}, delivery_key="d-1")
    decide_pending(now=NOON)
    prove = redelivery.prove

    def with_its_id(row: Delivery, *, now: datetime) -> Any:
        return replace(prove(row, now=now), delivery_key="d-1")

    monkeypatch.setattr(redelivery, "prove", with_its_id)
    bulk = work_off(begin(make_wish(kind=BulkKind.DELIVERIES)))

    assert (bulk.replayed, bulk.skips) == (0, {"taken_already": 1})


# Exactly once


def test_a_worker_that_is_behind_writes_nothing() -> None:
    happened(make_jira(), 4)
    begin(make_wish(concurrency=2))
    behind = BulkReplay.objects.select_related("created_by", "trigger__published").get()
    replay_some(now=LATER)
    decide_pending(now=LATER)

    assert bulk_replay_work._go_on(behind, LATER) == 0
    assert set(repeated().values()) == {1}
    assert Delivery.objects.filter(origin=Origin.REPLAY).count() == 2


def test_one_that_is_paused_while_a_slice_is_prepared_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    happened(make_jira(), 2)
    bulk = begin(make_wish())
    prepare = bulk_replay_work._prepare

    def paused_meanwhile(*args: Any) -> Any:
        BulkReplay.objects.update(status=BulkStatus.PAUSED)
        return prepare(*args)

    monkeypatch.setattr(bulk_replay_work, "_prepare", paused_meanwhile)
    assert replay_some(now=LATER) == 0
    assert not Replay.objects.exists()
    bulk.refresh_from_db()
    assert bulk.replayed == 0


@pytest.mark.unmeasured
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("place", "done"), [("bulk_replay.before_commit", 0), ("bulk_replay.committed", 2)])
def test_a_worker_that_is_killed_leaves_a_whole_slice_or_none(place: str, done: int) -> None:
    events = happened(make_jira(), 3)
    bulk = begin(make_wish(concurrency=2))
    environment = {
        **os.environ,
        "DCT_DATABASE_URL": database_url(),
        "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "dct_site.settings",
        "DCT_CRASH_AT": place,
    }
    program = [sys.executable, str(Path(__file__).with_name("replayer.py")), LATER.isoformat()]

    assert subprocess.run(program, env=environment, timeout=120, check=False).returncode == -signal.SIGKILL

    bulk.refresh_from_db()
    assert (bulk.replayed, Replay.objects.count()) == (done, done)
    work_off(bulk)
    assert bulk.status == BulkStatus.DONE
    assert repeated() == Counter(event.pk for event in events)
