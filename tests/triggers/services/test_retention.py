"""How long things are kept: what holds where, what is taken away when, and what never is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry, Connection
from agents.services.values import InvalidValue
from dct_site.engine.tick import tick
from dct_site.kernel.edits import EditConflict
from tests.factories.executions import make_event, make_execution
from tests.factories.triggers import NOON, make_jira, make_trigger
from triggers.enums import ExecutionStatus, FiringRole, Outcome
from triggers.models import (
    Decision,
    Delivery,
    Event,
    Execution,
    Firing,
    PendingDelivery,
    Retention,
    SeenChange,
    Trigger,
)
from triggers.services.decide.pending import decide_pending
from triggers.services.dry_run import try_on_events
from triggers.services.executions import retry
from triggers.services.explain import explain, explain_all
from triggers.services.intake import Incoming, accept
from triggers.services.keeping import purging
from triggers.services.keeping.purging import purge_due
from triggers.services.keeping.retention import change_retention, days_of, default_retention, retention_of
from triggers.services.keeping.tombstones import InputsPurged, gone_since
from triggers.services.replays.event import replay
from triggers.views.draft_state import samples_of

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
NEVER = {"all": [{"type": "status_change", "config": {"to_status": "nowhere"}}]}
BODY = b'[{"item": {"key": "OPS-1"}, "state": {"status": "open"}, "upstream_version": "1", "change_key": "OPS-1:1"}]'


def later(days: float) -> datetime:
    return NOON + timedelta(days=days)


def keep(connection: Connection | None = None, **days: int | None) -> Retention:
    return change_retention(connection=connection, by=SYSTEM, now=NOON, **days)


def bring(connection: Connection, body: bytes = BODY, *, key: str | None = "d-1", **over: Any) -> Delivery:
    incoming = Incoming(
        connection_id=connection.pk,
        source=connection.source,
        body=body,
        received_at=NOON,
        delivery_key=key,
        headers={"X-Sent-By": "kim"},
        **over,
    )
    return Delivery.objects.get(pk=accept([incoming])[0].delivery_id)


def is_kept(row: Delivery | Event | Decision) -> bool:
    row.refresh_from_db()
    return row.purged_at is None


# What holds


def test_a_fresh_installation_keeps_for_the_delivered_days() -> None:
    connection = make_jira()

    delivered = {"deliveries_days": 30, "events_days": 90, "decisions_days": 365, "tombstones_days": 400}
    assert days_of(default_retention()) == delivered
    assert days_of(retention_of(connection)) == days_of(default_retention())


def test_a_connection_keeps_for_its_own_days_and_otherwise_as_everywhere() -> None:
    connection, other = make_jira(), make_jira()
    keep(deliveries_days=10, events_days=20)
    keep(connection, deliveries_days=3)

    holds = {"deliveries_days": 3, "events_days": 20, "decisions_days": 365, "tombstones_days": 400}
    assert days_of(retention_of(connection)) == holds
    assert days_of(retention_of(other))["deliveries_days"] == 10

    keep(connection, deliveries_days=None)

    assert days_of(retention_of(connection))["deliveries_days"] == 10


def test_changing_it_is_told_in_the_audit_log_once() -> None:
    connection = make_jira()
    keep(connection, events_days=5)
    keep(connection, events_days=5)

    entry = AuditEntry.objects.get(action="retention.changed")
    assert (entry.before, entry.after) == ({"events_days": None}, {"events_days": 5})


@pytest.mark.parametrize(
    "days",
    [
        {"events_days": 0},
        {"events_days": 36_501},
        {"events_days": True},
        {"hours": 3},
        {"tombstones_days": 29},
        {"tombstones_days": 36_501},
    ],
)
def test_what_is_no_number_of_days_is_refused(days: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        keep(**days)
    assert not Retention.objects.exists()


def test_the_second_of_two_who_change_it_is_told() -> None:
    keep(events_days=5)
    with pytest.raises(EditConflict):
        change_retention(connection=None, by=SYSTEM, now=NOON, version=1, events_days=6)
    assert default_retention().events_days == 5


def test_a_row_names_what_it_holds_for() -> None:
    connection = make_jira()
    assert (str(keep()), str(keep(connection))) == ("everywhere", f"connection {connection.pk}")


# What is taken away


def test_each_kind_loses_its_content_when_its_days_are_over() -> None:
    trigger = make_trigger()
    delivery = bring(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    event, decision = Event.objects.get(), Decision.objects.get()
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED)
    keep(deliveries_days=1, events_days=2, decisions_days=3)

    assert purge_due(now=later(1)) == 0
    for day, kept in ((1.1, (False, True, True)), (2.1, (False, False, True)), (3.1, (False, False, False))):
        assert purge_due(now=later(day)) == 1
        assert (is_kept(delivery), is_kept(event), is_kept(decision)) == kept
    assert purge_due(now=later(400)) == 0

    assert (bytes(delivery.body), delivery.headers, delivery.purged_at) == (b"", {}, later(1.1))
    assert (event.subject, event.actor, event.facts, event.data, event.changes, event.before) == (
        "",
        "",
        {},
        {},
        {},
        {},
    )
    assert (decision.because, decision.facts, decision.detail) == ({}, {}, "")
    assert (decision.outcome, event.type != "") == (Outcome.FIRED, True)


def test_a_connection_with_days_of_its_own_is_swept_by_them() -> None:
    short, long, plain = make_jira(), make_jira(), make_jira()
    rows = [bring(connection) for connection in (short, long, plain)]
    decide_pending(now=NOON)
    keep(short, deliveries_days=1)
    keep(long, deliveries_days=100)

    purge_due(now=later(2))
    assert [is_kept(row) for row in rows] == [False, True, True]
    purge_due(now=later(31))
    assert [is_kept(row) for row in rows] == [False, True, False]


def test_a_repeat_is_a_duplicate_still_and_a_change_is_seen_still() -> None:
    connection = make_trigger().listeners.get().connection
    first = bring(connection)
    decide_pending(now=NOON)
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED)
    purge_due(now=later(1000))
    assert not is_kept(first)

    assert bring(connection).pk == first.pk
    assert not PendingDelivery.objects.exists()
    another_way = bring(connection, key="d-2")
    decide_pending(now=later(1000))

    assert another_way.pk != first.pk
    assert (Event.objects.count(), Execution.objects.count(), SeenChange.objects.count()) == (1, 1, 1)


def test_what_waits_for_its_decision_is_kept() -> None:
    delivery = bring(make_jira())

    assert purge_due(now=later(1000)) == 0
    assert is_kept(delivery)

    decide_pending(now=later(1000))
    purge_due(now=later(1001))
    assert not is_kept(delivery)


def test_what_was_turned_away_is_swept_too() -> None:
    rejected = bring(make_jira(), key=None, rejection="bad_signature")

    assert purge_due(now=later(31)) == 1
    assert not is_kept(rejected)


@pytest.mark.parametrize("status", [one for one in ExecutionStatus if one not in Execution.MOVES.terminal])
@pytest.mark.parametrize("is_shared", [False, True])
def test_what_an_open_execution_came_of_is_kept(status: ExecutionStatus, is_shared: bool) -> None:
    trigger = make_trigger()
    first = bring(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    execution, event = Execution.objects.get(), Event.objects.get()
    if is_shared:  # an event that was merged into the execution of another
        Firing.objects.update(role=FiringRole.MERGED)
        Execution.objects.update(event=make_event())
    attention = "question" if status == ExecutionStatus.NEEDS_ATTENTION else ""
    Execution.objects.update(status=status, attention=attention)

    purge_due(now=later(1000))
    assert all(is_kept(row) for row in (first, event, Decision.objects.get()))

    Execution.objects.filter(pk=execution.pk).update(status=ExecutionStatus.SUCCEEDED, attention="")
    purge_due(now=later(1001))
    assert not any(is_kept(row) for row in (first, event, Decision.objects.get()))


def test_audit_and_states_of_items_are_left() -> None:
    trigger = make_trigger()
    bring(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED)
    item = Event.objects.get().item
    assert item is not None
    entries = AuditEntry.objects.count()

    purge_due(now=later(1000))
    item.refresh_from_db()

    assert item.state == {"status": "open"}
    assert item.history.get().state == {"status": "open"}
    assert AuditEntry.objects.count() == entries


# In batches


def test_a_call_takes_a_bounded_number_of_small_batches_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    for number in range(7):
        bring(connection, key=f"d-{number}")
    decide_pending(now=NOON)
    monkeypatch.setattr(purging, "BATCH", 2)

    assert purge_due(now=later(31), batches=2) == 4
    assert Delivery.objects.filter(purged_at=None).count() == 3
    assert purge_due(now=later(31), batches=2) == 3
    assert purge_due(now=later(31)) == 0


def test_large_bodies_make_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    for number in range(3):
        bring(connection, b'"' + b"x" * 100 + b'"', key=f"d-{number}")
    decide_pending(now=NOON)
    monkeypatch.setattr(purging, "BATCH_BYTES", 204)

    assert purge_due(now=later(31), batches=1) == 2
    monkeypatch.setattr(purging, "BATCH_BYTES", 50)
    assert purge_due(now=later(31), batches=1) == 1


def test_a_round_that_breaks_off_leaves_whole_batches_and_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = make_jira()
    for number in range(4):
        bring(connection, key=f"d-{number}")
    decide_pending(now=NOON)
    monkeypatch.setattr(purging, "BATCH", 2)
    monkeypatch.setattr(purging, "REST", timedelta(0))
    purge_due(now=later(31), batches=1)

    assert Delivery.objects.filter(purged_at=None).count() == 2
    assert Delivery.objects.exclude(purged_at=None).filter(body=b"").count() == 2
    assert purge_due(now=later(31)) == 2


def test_what_became_busy_since_it_was_chosen_is_left() -> None:
    event = make_event()
    ids = purging.EVENTS.batch(next(purging.EVENTS.due(later(91))))
    make_execution(event=event)

    assert ids == [event.pk]
    assert purging.EVENTS.empty(ids, later(91)) == 0
    assert is_kept(event)


def test_a_round_that_found_nothing_more_rests_for_a_minute_unless_the_days_change() -> None:
    delivery = bring(make_jira())
    decide_pending(now=NOON)
    purge_due(now=later(29))
    Delivery.objects.update(received_at=later(-10))

    assert purge_due(now=later(29) + timedelta(seconds=59)) == 0
    assert purge_due(now=later(29) + timedelta(seconds=60)) == 1

    Delivery.objects.update(purged_at=None, received_at=NOON)
    keep(Connection.objects.get(pk=delivery.connection_id), deliveries_days=1)
    assert purge_due(now=later(29) + timedelta(seconds=61)) == 1


def test_the_clock_does_it() -> None:
    delivery = bring(make_jira())
    decide_pending(now=NOON)

    tick(later(31))

    assert not is_kept(delivery)


# Afterwards


def gone(trigger: Trigger, day: float = 1000) -> Event:
    """The event of a delivery, decided and purged."""
    bring(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED)
    purge_due(now=later(day))
    return Event.objects.get()


def test_explain_says_of_a_trigger_that_fired_that_it_did_and_that_the_reasons_are_gone() -> None:
    trigger = make_trigger()
    event = gone(trigger)

    answer = explain(event=event, trigger=trigger)

    assert (answer.outcome, answer.is_purged, answer.because) == (Outcome.FIRED, True, {})
    assert answer.detail == answer.summary == "The reason is no longer kept, since 2029-08-16 12:00 UTC."
    assert answer.execution_id == Execution.objects.get().pk


def test_explain_says_of_one_that_did_not_match_that_it_cannot_be_judged_again() -> None:
    trigger = make_trigger(conditions=NEVER)
    event = gone(trigger, 100)

    (answer,) = explain_all(event=event)

    assert (answer.outcome, answer.is_purged, answer.because) == (Outcome.NOT_MATCHED, True, {})
    assert "What the event said is no longer kept, since 2027-02-28 12:00 UTC." in answer.detail


def test_reasons_that_are_kept_longer_than_the_event_are_told_as_they_were() -> None:
    trigger = make_trigger()
    event = gone(trigger, 100)

    answer = explain(event=event, trigger=trigger)

    assert (answer.outcome, answer.is_purged) == (Outcome.FIRED, False)
    assert answer.because


def test_an_event_whose_content_is_gone_is_not_asked_about_again() -> None:
    trigger = make_trigger()
    event = gone(trigger)
    before = Delivery.objects.count()

    with pytest.raises(InputsPurged, match="no longer kept, since 2029-08-16 12:00 UTC"):
        replay(event=event, trigger=None, by=SYSTEM, now=NOON)
    with pytest.raises(InputsPurged):
        retry(execution=Execution.objects.get(), by=SYSTEM, now=NOON)
    with pytest.raises(InputsPurged):
        try_on_events(trigger=trigger, document=trigger.draft, owner=trigger.owner, events=[event], now=NOON)
    assert Delivery.objects.count() == before
    assert samples_of(trigger, user=trigger.owner) == []


def test_of_what_is_whole_nothing_is_said() -> None:
    assert gone_since(None) == ""
    assert (
        gone_since(datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
        == "Its content is no longer kept, since 2026-01-02 03:04 UTC."
    )
