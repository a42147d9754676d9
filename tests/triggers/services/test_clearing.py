"""Tombstones: how long they stay, what they take with them, and what keeps one for longer."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.db import connection as database

from accounts.actor import Actor
from accounts.models import Connection
from dct_site.engine.tick import tick
from tests.factories.executions import make_execution
from tests.factories.triggers import NOON, make_jira, make_trigger, make_watch
from triggers.enums import WatchStatus
from triggers.models import (
    Decision,
    Delivery,
    DeliveryDuplicates,
    DeliveryOutcome,
    Event,
    Execution,
    Replay,
    Retention,
    SeenChange,
    TriggerRevision,
    Watch,
)
from triggers.services.decide.pending import decide_pending
from triggers.services.explain import explain_all
from triggers.services.fire import fire
from triggers.services.intake import Incoming, accept
from triggers.services.keeping import clearing
from triggers.services.keeping.clearing import CHANGES, DELIVERIES, EVENTS, clear_due
from triggers.services.keeping.purging import purge_due
from triggers.services.keeping.retention import change_retention, days_of, default_retention, retention_of
from triggers.services.replays.event import replay
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
KEPT = 400
NEVER = {"all": [{"type": "status_change", "config": {"to_status": "nowhere"}}]}


def later(days: float) -> datetime:
    return NOON + timedelta(days=days)


def keep(connection: Connection | None = None, **days: int | None) -> Retention:
    return change_retention(connection=connection, by=SYSTEM, now=NOON, **days)


def bring(connection: Connection, number: int = 1, *, at: datetime = NOON, **over: Any) -> Delivery:
    """One event about a ticket, decided."""
    event = {"item": {"key": "OPS-1"}, "state": {"n": number}, "upstream_version": str(number)}
    body = json.dumps([{**event, "change_key": f"OPS-1:{number}", "external_id": f"e-{number}"}]).encode()
    values = {"body": body, "received_at": at, "delivery_key": f"d-{number}", **over}
    incoming = Incoming(connection_id=connection.pk, source=connection.source, **values)
    row = Delivery.objects.get(pk=accept([incoming])[0].delivery_id)
    decide_pending(now=at)
    return row


def left() -> tuple[int, int, int]:
    """Events, deliveries and keys of changes that are there."""
    return Event.objects.count(), Delivery.objects.count(), SeenChange.objects.count()


def pass_by(days: float) -> int:
    """Take away what is due by then, tombstones too; how many of those."""
    while purge_due(now=later(days)):
        pass
    Retention.objects.update(swept_at=None, cleared_at=None)
    return clear_due(now=later(days))


@contextmanager
def written() -> Iterator[list[tuple[str, int]]]:
    """(statement, rows) of everything that is deleted or changed meanwhile, but for how far the round is."""
    seen: list[tuple[str, int]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if sql.startswith(("DELETE", "UPDATE")) and "triggers_retention" not in sql:
            seen.append((sql, context["cursor"].rowcount))
        return answer

    with database.execute_wrapper(note):
        yield seen


# How long


def test_tombstones_stay_for_four_hundred_days_and_nothing_is_left_then() -> None:
    connection = make_jira()
    bring(connection)
    bring(connection)  # a repeat, so that there is a row of that as well

    assert pass_by(KEPT) == 0
    assert left() == (1, 1, 1)
    assert pass_by(KEPT + 0.1) == 3
    assert left() == (0, 0, 0)
    assert not DeliveryOutcome.objects.exists()
    assert not DeliveryDuplicates.objects.exists()


def test_a_repeat_is_known_for_so_long_and_is_a_new_event_afterwards() -> None:
    connection = make_jira()
    first = bring(connection)

    pass_by(KEPT)
    assert bring(connection, at=later(KEPT)).pk == first.pk
    another_way = bring(connection, at=later(KEPT), delivery_key="d-2")
    assert another_way.outcome.event_count == 0
    assert Event.objects.count() == 1

    pass_by(KEPT + 1)
    again = bring(connection, at=later(KEPT + 1))

    assert again.pk != first.pk
    assert Event.objects.get().delivery_id == again.pk


def test_what_is_gone_takes_no_state_of_its_item_along() -> None:
    connection = make_jira()
    bring(connection)
    pass_by(KEPT + 1)
    item = ContextItem.objects.get()

    assert item.state == {"n": 1}
    assert item.history.get().state == {"n": 1}


def test_a_connection_keeps_them_for_its_own_days() -> None:
    short, long = make_jira(), make_jira()
    keep(deliveries_days=1, events_days=1, decisions_days=1)
    keep(short, tombstones_days=30)
    bring(short)
    bring(long)

    pass_by(31)

    assert set(Delivery.objects.values_list("connection_id", flat=True)) == {long.pk}
    assert set(SeenChange.objects.values_list("connection_id", flat=True)) == {long.pk}


def test_what_leaves_one_never_stays_longer_than_it() -> None:
    connection = make_jira()
    keep(tombstones_days=30)
    assert days_of(default_retention())["tombstones_days"] == 365

    keep(connection, deliveries_days=10, events_days=10, decisions_days=10)
    assert days_of(retention_of(connection))["tombstones_days"] == 30

    keep(connection, events_days=1000)
    assert days_of(retention_of(connection))["tombstones_days"] == 1000


def test_what_came_by_a_connection_that_is_gone_goes_after_the_days_of_all() -> None:
    connection = make_jira()
    keep(connection, tombstones_days=10_000)
    bring(connection, rejection="bad_signature", delivery_key=None)
    Delivery.objects.update(purged_at=NOON, connection_id=connection.pk + 1)

    assert clear_due(now=later(KEPT)) == 0
    Retention.objects.update(cleared_at=None)
    assert clear_due(now=later(KEPT + 1)) == 1


# What stays for longer


def test_what_an_execution_came_of_stays_with_its_delivery() -> None:
    trigger = make_trigger()
    bring(trigger.listeners.get().connection)
    execution = Execution.objects.get()
    Execution.objects.update(status="succeeded")

    pass_by(1000)

    assert (Event.objects.get(), Delivery.objects.count()) == (execution.event, 1)
    assert not SeenChange.objects.exists()
    (answer,) = explain_all(event=Event.objects.get())
    assert (answer.outcome, answer.execution_id, answer.is_purged) == ("fired", execution.pk, True)


def test_an_event_that_joined_the_execution_of_another_stays() -> None:
    trigger = make_trigger()
    bring(trigger.listeners.get().connection)
    Execution.objects.update(status="succeeded", event=make_execution().event)

    pass_by(1000)

    assert Event.objects.filter(source="jira").exists()


def test_decisions_that_are_whole_are_not_lost_with_their_event() -> None:
    trigger = make_trigger(conditions=NEVER)
    bring(trigger.listeners.get().connection)
    event = Event.objects.get()
    event.purged_at = NOON
    event.save()
    row = Decision.objects.create(
        event=event, trigger=trigger, revision=TriggerRevision.objects.get(), at=NOON, generation=1, outcome="error"
    )

    clear_due(now=later(1000))
    assert Event.objects.exists()

    Decision.objects.filter(pk=row.pk).update(purged_at=NOON)
    Retention.objects.update(cleared_at=None)
    clear_due(now=later(1000))
    assert not Event.objects.exists()
    assert not Decision.objects.exists()


def test_what_a_replay_repeats_stays_as_long_as_the_replay() -> None:
    trigger = make_trigger(conditions=NEVER)
    bring(trigger.listeners.get().connection)
    first = Event.objects.get()
    replay(event=first, trigger=None, by=SYSTEM, now=later(50))
    decide_pending(now=later(50))

    pass_by(KEPT + 1)
    assert list(Event.objects.order_by("pk").values_list("replay_of", flat=True)) == [None, first.pk]

    pass_by(KEPT + 51)
    pass_by(KEPT + 51)
    assert not Event.objects.exists()
    assert not Replay.objects.exists()


def test_a_delivery_that_was_taken_in_again_stays_as_long_as_what_took_it_in() -> None:
    connection = make_jira()
    old = bring(connection, rejection="too_large", delivery_key=None)
    young = bring(connection, at=later(10))
    note = Replay.objects.create(delivery=young, of_delivery_id=old.pk)

    pass_by(KEPT + 1)
    assert Delivery.objects.filter(pk=old.pk).exists()

    Replay.objects.filter(pk=note.pk).update(is_under_way=True)
    pass_by(KEPT + 11)
    assert Delivery.objects.count() == 2

    Replay.objects.filter(pk=note.pk).update(is_under_way=False)
    pass_by(KEPT + 11)
    pass_by(KEPT + 11)
    assert not Delivery.objects.exists()


def test_a_watch_that_still_waits_keeps_the_event_that_armed_it() -> None:
    trigger = make_trigger(conditions=NEVER)
    bring(trigger.listeners.get().connection)
    watch = make_watch(trigger, Event.objects.get())

    pass_by(1000)
    assert Watch.objects.exists()

    Watch.objects.filter(pk=watch.pk).update(status=WatchStatus.ENDED)
    pass_by(1000)
    assert not Watch.objects.exists()
    assert not Event.objects.exists()


def test_a_watch_outlives_the_event_that_ended_it_where_the_one_that_armed_it_stays() -> None:
    trigger = make_trigger(conditions=NEVER)
    connection = trigger.listeners.get().connection
    bring(connection, 1)
    bring(connection, 2)
    arming, ending = Event.objects.order_by("pk")
    make_watch(trigger, arming, status=WatchStatus.DISARMED, ended_by=ending)
    make_execution(event=arming, status="succeeded")

    pass_by(1000)

    assert Event.objects.get() == arming
    assert Watch.objects.get().ended_by is None


def test_what_is_whole_or_waits_stays_however_old_it_is() -> None:
    connection = make_jira()
    bring(connection)
    pending = Incoming(connection_id=connection.pk, source="jira", body=b"[]", received_at=NOON)
    accept([pending])
    Delivery.objects.filter(delivery_key=None).update(purged_at=NOON)

    clear_due(now=later(10_000))

    assert (Event.objects.count(), Delivery.objects.count()) == (1, 2)


def test_what_was_fired_by_hand_is_known_until_its_time_is_over_too() -> None:
    trigger = make_trigger(conditions=NEVER)
    bring(trigger.listeners.get().connection)
    fire(trigger=trigger, item=ContextItem.objects.get(), by=SYSTEM, now=NOON)
    decide_pending(now=NOON)
    Execution.objects.update(status="succeeded")

    pass_by(1000)

    assert [event.origin for event in Event.objects.all()] == ["manual"]


# In batches


def test_no_statement_takes_more_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_trigger(conditions=NEVER)
    connection = trigger.listeners.get().connection
    for number in range(5):
        bring(connection, number)
    event = Event.objects.order_by("pk")[0]
    for number in range(5):
        make_watch(trigger, event, condition=str(number), status=WatchStatus.ENDED)
    monkeypatch.setattr(clearing, "BATCH", 2)

    with written() as seen:
        cleared = pass_by(1000)

    deleted = [rows for sql, rows in seen if sql.startswith("DELETE")]
    assert (cleared, left()) == (15, (0, 0, 0))
    assert sum(deleted) == 15 + 5 + 5  # the outcomes of deliveries, and watches
    assert max(deleted) == 2


def test_a_call_does_a_bounded_number_of_batches_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    for number in range(5):
        bring(connection, number)
    monkeypatch.setattr(clearing, "BATCH", 2)
    while purge_due(now=later(1000)):
        pass

    assert clear_due(now=later(1000), batches=2) == 4
    assert default_retention().clearing == {"kind": 0, "after": ANY}
    assert left() == (1, 5, 5)
    assert clear_due(now=later(1000), batches=2) == 3
    assert left() == (0, 3, 5)
    assert clear_due(now=later(1000)) == 8
    assert (left(), default_retention().clearing) == ((0, 0, 0), None)


def test_a_round_that_is_over_rests_for_hours_unless_the_days_change() -> None:
    connection = make_jira()
    bring(connection)
    assert pass_by(100) == 0
    keep(connection, tombstones_days=90, decisions_days=90)
    Retention.objects.filter(is_default=True).update(cleared_at=later(100))

    assert clear_due(now=later(100) + timedelta(hours=5)) == 0
    assert clear_due(now=later(100) + timedelta(hours=6)) == 3

    bring(connection)
    purge_due(now=later(101))
    keep(connection, tombstones_days=91)
    assert default_retention().cleared_at is None


def test_what_is_named_since_it_was_looked_at_is_left() -> None:
    connection = make_jira()
    bring(connection)
    purge_due(now=later(1000))
    event, delivery = Event.objects.get(), Delivery.objects.get()
    make_execution(event=event)

    assert (EVENTS.clear([event.pk]), DELIVERIES.clear([delivery.pk])) == (0, 0)
    assert CHANGES.clear([]) == 0
    assert left() == (1, 1, 1)


def test_the_clock_does_it() -> None:
    bring(make_jira())
    tick(later(1000))
    assert left() == (0, 0, 0)


@pytest.mark.unmeasured
def test_a_batch_holds_the_lock_for_a_few_milliseconds_of_work() -> None:
    """CPU time of the thread that writes, so that neighbours do not count. Ten times that is what it may take."""
    connection = make_jira()
    for start in range(0, 1000, 200):
        rows = [Incoming(connection_id=connection.pk, source="jira", body=b"[{}]" * 1, received_at=NOON)] * 200
        accept(rows)
        decide_pending(now=NOON + timedelta(seconds=start))
    while decide_pending(now=NOON):
        pass
    Delivery.objects.update(purged_at=NOON)
    Event.objects.update(purged_at=NOON)
    taken: list[float] = []

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.thread_time()
        answer = execute(sql, params, many, context)
        if sql.startswith("DELETE"):
            taken.append(time.thread_time() - began)
        return answer

    with database.execute_wrapper(timed):
        while not default_retention().cleared_at:
            clear_due(now=later(1000))

    assert left() == (0, 0, 0)
    assert len(taken) >= 20
    assert max(taken) <= 0.020
