"""Deciding: deliveries become events, states, decisions, firings and executions; once, and with a reason."""

from datetime import timedelta

import pytest

from agents.models import StartRequest
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger, status_change, ticket
from tests.factories.workspaces import make_item
from triggers.enums import DeliveryStatus, ExecutionStatus, Origin, Outcome, Refusal
from triggers.models import (
    Decision,
    DeliveryOutcome,
    Event,
    Execution,
    Firing,
    PendingDelivery,
    SeenChange,
    WebhookEndpoint,
)
from triggers.services.decide.pending import decide_pending
from triggers.services.steps import OF_A_LAUNCH
from workspaces.enums import TrustTier
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db


def test_a_matching_event_fires_once_with_everything_that_the_launch_needs() -> None:
    trigger = make_trigger(limits={"max_concurrent": 2, "max_attempts": 4, "expires_s": 60}, priority=7)
    delivery = make_delivery(trigger.listeners.get().connection, ticket())

    assert decide_pending(now=after(1)) == 1

    event = Event.objects.get()
    execution = Execution.objects.get()
    assert (event.delivery_id, event.accepted_at, event.decided_at) == (delivery.pk, NOON, after(1))
    assert execution.status == ExecutionStatus.QUEUED
    assert (execution.event, execution.revision, execution.priority) == (event, trigger.published, 7)
    assert (execution.max_attempts, execution.expires_at) == (4, after(61))
    assert execution.item_id_at_start == event.item_id
    assert [step.name for step in execution.steps.all()] == list(OF_A_LAUNCH)
    start = StartRequest.objects.get()
    assert execution.start == start
    assert (start.kind, start.subject_id, start.priority) == ("execution", execution.pk, 7)
    assert (start.concurrency_key, start.key_limit) == (f"trigger:{trigger.pk}", 2)
    assert start.refs["trigger"] == trigger.pk
    assert Firing.objects.get().execution == execution
    assert Decision.objects.get().outcome == Outcome.FIRED
    trigger.refresh_from_db()
    assert trigger.last_fired_at == NOON


def test_a_decided_delivery_has_an_outcome_and_is_pending_no_more() -> None:
    delivery = make_delivery(make_jira(), ticket(), ticket())

    decide_pending(now=NOON)

    outcome = DeliveryOutcome.objects.get(delivery=delivery)
    assert (outcome.status, outcome.event_count) == (DeliveryStatus.DECIDED, 2)
    assert not PendingDelivery.objects.exists()
    assert decide_pending(now=NOON) == 0


def test_an_event_that_does_not_match_leaves_no_decision() -> None:
    trigger = make_trigger(conditions=status_change())
    make_delivery(trigger.listeners.get().connection, ticket())

    decide_pending(now=NOON)

    assert Event.objects.count() == 1
    assert not Decision.objects.exists()


def test_a_condition_that_cannot_tell_is_stored_as_an_error_and_does_not_fire() -> None:
    config = {"path": "data.words", "operator": "matches", "value": "a+"}
    trigger = make_trigger(conditions={"all": [{"type": "field", "config": config}]})
    make_delivery(trigger.listeners.get().connection, ticket(data={"words": "a" * 300_000}))

    decide_pending(now=NOON)

    decision = Decision.objects.get()
    assert decision.outcome == Outcome.ERROR
    assert decision.detail
    assert not Execution.objects.exists()


def test_one_change_reported_by_webhook_and_by_poll_is_one_event() -> None:
    trigger = make_trigger()
    connection = trigger.listeners.get().connection
    make_delivery(connection, ticket(change_key="OPS-1:7"))
    decide_pending(now=NOON)
    event = Event.objects.get()
    poll = make_delivery(connection, ticket(change_key="OPS-1:7"), ticket(change_key="OPS-1:8"))
    twin = make_delivery(connection, ticket(change_key="OPS-1:8"))

    decide_pending(now=NOON)

    assert Event.objects.count() == 2
    assert Execution.objects.count() == 2
    assert DeliveryOutcome.objects.get(delivery=poll).detail == (
        f"The same change was reported already, as event {event.pk}."
    )
    assert DeliveryOutcome.objects.get(delivery=twin).event_count == 0
    assert set(SeenChange.objects.values_list("change_key", flat=True)) == {"OPS-1:7", "OPS-1:8"}


def test_a_change_key_that_is_too_long_is_kept_by_its_hash() -> None:
    connection = make_jira()
    make_delivery(connection, ticket(change_key="x" * 400))
    make_delivery(connection, ticket(change_key="x" * 400))

    decide_pending(now=NOON)

    assert Event.objects.get().change_key.startswith("sha256:")


def test_the_same_change_key_on_another_connection_is_another_change() -> None:
    for _ in range(2):
        make_delivery(make_jira(), ticket(change_key="OPS-1:7"))

    decide_pending(now=NOON)

    assert Event.objects.count() == 2


def test_a_refused_delivery_ends_with_the_reason() -> None:
    delivery = make_delivery(make_jira(), {"refuse": Refusal.NOT_SUPPORTED.value})

    assert decide_pending(now=NOON) == 1

    outcome = DeliveryOutcome.objects.get(delivery=delivery)
    assert (outcome.status, outcome.reason) == (DeliveryStatus.REFUSED, Refusal.NOT_SUPPORTED)
    assert outcome.detail == "There is no use for it."


def test_a_delivery_of_a_connection_that_is_gone_is_refused() -> None:
    connection = make_jira()
    delivery = make_delivery(connection)
    connection.delete()

    decide_pending(now=NOON)

    assert DeliveryOutcome.objects.get(delivery=delivery).status == DeliveryStatus.REFUSED


def test_a_poison_delivery_is_taken_out_and_the_rest_goes_on() -> None:
    trigger = make_trigger()
    connection = trigger.listeners.get().connection
    good = [make_delivery(connection, ticket()) for _ in range(3)]
    poison = make_delivery(connection, {"raise": "boom"})
    good.append(make_delivery(connection, ticket()))

    assert decide_pending(now=NOON) == 5

    outcome = DeliveryOutcome.objects.get(delivery=poison)
    assert (outcome.status, outcome.event_count) == (DeliveryStatus.ERROR, 0)
    assert "RuntimeError" in outcome.detail
    decided = DeliveryOutcome.objects.filter(status=DeliveryStatus.DECIDED).values_list("delivery_id", flat=True)
    assert set(decided) == {delivery.pk for delivery in good}
    assert Execution.objects.count() == 4


def test_a_trigger_hears_its_item_the_item_above_it_and_its_connection_and_nothing_else() -> None:
    connection = make_jira()
    repository = make_item(connection=connection, kind="repository", external_key="o/r")
    pull = make_item(connection=connection, external_key="o/r#1", parent=repository)
    heard = [make_trigger(item=pull), make_trigger(item=repository), make_trigger(connection=connection)]
    make_trigger(item=make_item(connection=connection))
    make_trigger()
    make_delivery(connection, {"item": {"kind": "pull_request", "key": "o/r#1"}})

    decide_pending(now=NOON)

    assert [firing.trigger for firing in Firing.objects.order_by("trigger_id")] == heard


def test_a_trigger_that_hears_an_event_in_two_ways_fires_once() -> None:
    connection = make_jira()
    item = make_item(connection=connection, kind="ticket", external_key="OPS-1")
    make_trigger(listeners=[{"context_item_id": item.pk}, {"connection_id": connection.pk}])
    make_delivery(connection, ticket())

    decide_pending(now=NOON)

    assert Execution.objects.count() == 1


def test_a_baseline_sets_the_state_and_asks_nobody() -> None:
    trigger = make_trigger()
    make_delivery(trigger.listeners.get().connection, ticket(state={"status": "open"}), origin=Origin.BACKFILL)

    decide_pending(now=NOON)

    assert ContextItem.objects.get().state == {"status": "open"}
    assert not Decision.objects.exists()


def test_an_allowed_actor_of_a_verified_sender_lifts_the_trust_of_its_events() -> None:
    connection = make_jira()
    WebhookEndpoint.objects.create(
        connection=connection, verification="github", allowed_actors=["Kim"], created_at=NOON, updated_at=NOON
    )
    make_delivery(connection, ticket(actor="kim"))
    make_delivery(connection, ticket(actor="lee"))
    make_delivery(connection, ticket(actor="kim"), trust_tier=TrustTier.OPEN)

    decide_pending(now=NOON)

    tiers = list(Event.objects.order_by("pk").values_list("trust_tier", flat=True))
    assert tiers == [TrustTier.ALLOWED, TrustTier.VERIFIED, TrustTier.OPEN]


def test_long_words_from_outside_are_cut_to_what_the_columns_hold() -> None:
    item = {"key": "k" * 600, "title": "t" * 400, "url": "https://example.org/" + "u" * 2000}
    make_delivery(make_jira(), {"item": item, "subject": "s" * 900, "actor": "a" * 400, "type": "y" * 200})

    decide_pending(now=NOON)

    event = Event.objects.get()
    assert event.item is not None
    assert (len(event.item.external_key), len(event.item.title), event.item.url) == (500, 300, "")
    assert (len(event.subject), len(event.actor), len(event.type)) == (500, 300, 100)


def test_a_newer_report_renames_the_item() -> None:
    connection = make_jira()
    make_delivery(connection, ticket())
    make_delivery(connection, {"item": {"key": "OPS-1", "title": "The gate", "url": "https://example.org/1"}})

    decide_pending(now=NOON)

    item = ContextItem.objects.get()
    assert (item.title, item.url) == ("The gate", "https://example.org/1")


def test_nothing_that_came_in_by_an_endpoint_can_give_orders() -> None:
    connection = make_jira(source="internal")
    delivery = make_delivery(connection, endpoint_id=1)

    decide_pending(now=NOON)

    assert DeliveryOutcome.objects.get(delivery=delivery).status == DeliveryStatus.ERROR
    assert not Event.objects.exists()


def test_an_internal_delivery_that_is_no_order_is_refused() -> None:
    delivery = make_delivery(make_jira(source="internal"))

    decide_pending(now=NOON)

    assert DeliveryOutcome.objects.get(delivery=delivery).reason == Refusal.NOT_UNDERSTOOD


def test_events_of_one_item_in_one_batch_see_each_other() -> None:
    trigger = make_trigger(conditions=status_change(from_status="open", to_status="done"))
    connection = trigger.listeners.get().connection
    make_delivery(connection, ticket(state={"status": "open"}), ticket(state={"status": "done"}))
    make_delivery(connection, ticket(state={"status": "open"}))

    decide_pending(now=NOON)

    assert Decision.objects.count() == 1
    assert ContextItem.objects.get().state_version == 3


def test_as_many_as_were_asked_for_are_decided_oldest_first() -> None:
    connection = make_jira()
    deliveries = [make_delivery(connection) for _ in range(4)]

    assert decide_pending(now=NOON, limit=3) == 3

    assert PendingDelivery.objects.get().delivery == deliveries[3]


def test_the_time_of_a_delivery_is_when_it_was_accepted_and_the_decision_has_its_own() -> None:
    make_delivery(make_jira(), ticket(time=(NOON - timedelta(hours=1)).isoformat()))
    decide_pending(now=after(30))
    event = Event.objects.get()
    assert (event.time, event.accepted_at, event.decided_at) == (NOON - timedelta(hours=1), NOON, after(30))
