"""Sending CloudEvents: stored once for each source and id, decided like a webhook, in a connection of the sender's."""

import json
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection as database

from accounts.actor import Actor
from accounts.enums import Role, Source, Via
from accounts.models import AuditEntry, Connection, User
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_trigger
from tests.factories.workspaces import make_connection
from triggers.enums import DeliveryStatus, Outcome
from triggers.models import ContextListener, Decision, Delivery, DeliveryOutcome, Event, Execution
from triggers.services.cloudevents import NotSendable, create_connection, send_events
from triggers.services.decide.pending import decide_pending
from triggers.services.intake import Receipt
from triggers.sources.cloudevents.event import NotACloudEvent
from triggers.sources.cloudevents.http import STRUCTURED
from workspaces.enums import ItemKind, TrustTier

pytestmark = pytest.mark.django_db
LEAST: dict[str, Any] = {"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "com.example.order.paid"}


@pytest.fixture
def sender() -> User:
    return make_user(role=Role.DEVELOPER)


def by(user: User) -> Actor:
    return Actor.person(user, Via.API)


def connect(user: User, name: str = "Shop", **over: Any) -> Connection:
    return create_connection(name=name, owner=user, by=by(user), now=NOON, **over)


def send(user: User, connection: Connection | None = None, **over: Any) -> Receipt:
    body = json.dumps({**LEAST, **over}).encode()
    headers = {"Content-Type": STRUCTURED, "Authorization": "Bearer canary"}
    (receipt,) = send_events(connection=connection, sender=user, headers=headers, body=body, by=by(user), now=NOON)
    return receipt


def test_an_event_is_a_delivery_and_is_decided_like_any_other(sender: User) -> None:
    shop = connect(sender)
    trigger = make_trigger(
        connection=shop,
        owner=sender,
        conditions={"all": [{"type": "field", "config": {"path": "data.total", "operator": "equals", "value": 5}}]},
    )
    receipt = send(sender, subject="order 7", data={"total": 5})
    delivery = Delivery.objects.get()
    assert (delivery.pk, delivery.delivery_key, delivery.trust_tier) == (receipt.delivery_id, "/shop A-1", "verified")
    assert delivery.headers == {"content-type": STRUCTURED}
    assert decide_pending(now=after(1)) == 1
    event = Event.objects.get()
    assert (event.source, event.type, event.subject, event.external_id) == (
        "cloudevents",
        LEAST["type"],
        "order 7",
        "A-1",
    )
    assert (event.trust_tier, event.connection_id, event.time) == (TrustTier.VERIFIED, shop.pk, NOON)
    assert event.item is not None
    assert event.item.parent is not None
    assert (event.item.kind, event.item.parent.is_watched) == (ItemKind.STREAM, True)
    assert (Decision.objects.get().outcome, Execution.objects.get().trigger_id) == (Outcome.FIRED, trigger.pk)


def test_the_same_event_again_is_a_duplicate(sender: User) -> None:
    first = send(sender)
    again = send(sender)
    assert (again.delivery_id, again.duplicate, again.key_conflict) == (first.delivery_id, True, False)
    assert (Delivery.objects.count(), AuditEntry.objects.filter(action="event.sent").count()) == (1, 1)


def test_another_content_under_the_same_source_and_id_is_kept_and_makes_no_second_event(sender: User) -> None:
    make_trigger(connection=connect(sender), owner=sender)
    first, other = send(sender, data=1), send(sender, data=2)
    assert (other.duplicate, other.key_conflict) == (False, True)
    assert decide_pending(now=after(1)) == 2
    assert (Event.objects.count(), Execution.objects.count()) == (1, 1)
    outcome = DeliveryOutcome.objects.get(pk=other.delivery_id)
    assert (outcome.status, outcome.event_count) == (DeliveryStatus.DECIDED, 0)
    assert "already" in outcome.detail or "twice" in outcome.detail
    assert first.delivery_id != other.delivery_id


def test_one_event_in_both_modes_is_one_event(sender: User) -> None:
    send(sender, data={"total": 5})
    headers = {f"ce-{name}": value for name, value in LEAST.items()} | {"content-type": "application/json"}
    send_events(connection=None, sender=sender, headers=headers, body=b'{"total": 5}', by=by(sender), now=NOON)
    decide_pending(now=after(1))
    assert Event.objects.count() == 1


@pytest.mark.parametrize("over", [{"id": "A-2"}, {"source": "/other"}])
def test_another_id_or_another_source_is_another_event(sender: User, over: dict[str, Any]) -> None:
    send(sender)
    assert not send(sender, **over).duplicate
    decide_pending(now=after(1))
    assert Event.objects.count() == 2


def test_binary_mode_is_read_again_from_what_was_stored(sender: User) -> None:
    headers = {f"Ce-{name}": value for name, value in LEAST.items()} | {
        "Content-Type": "application/json",
        # Of a webhook's headers this name would be redacted; of an event it is content.
        "Ce-Sessiontoken": "x" * 900 + "%C3%BC",
    }
    send_events(connection=None, sender=sender, headers=headers, body=b"[1]", by=by(sender), now=NOON)
    decide_pending(now=after(1))
    event = Event.objects.get()
    assert event.data == {"value": [1]}
    assert event.facts["cloudevent"]["attributes"]["sessiontoken"] == "x" * 900 + "ü"


def test_a_connection_is_made_for_the_first_event_and_found_by_the_next(sender: User) -> None:
    send(sender)
    send(sender, id="A-2")
    made = Connection.objects.get()
    assert (made.name, made.owner, made.source) == ("CloudEvents", sender, Source.CLOUDEVENTS)
    assert ContextListener.objects.get().item is None
    assert {entry.action for entry in AuditEntry.objects.all()} == {"connection.created", "event.sent"}
    connect(sender, "Later")
    send(sender, id="A-3")
    assert set(Delivery.objects.values_list("connection_id", flat=True)) == {made.pk}


def test_everybody_has_a_connection_of_their_own(sender: User) -> None:
    send(sender)
    other = send(make_user(role=Role.SUPPORT))
    assert (other.duplicate, Connection.objects.count()) == (False, 2)


def test_a_name_that_is_taken_is_left_alone(sender: User) -> None:
    make_connection(owner=sender, name="CloudEvents", source=Source.WEBHOOK)
    send(sender)
    assert Connection.objects.get(source=Source.CLOUDEVENTS).name == "CloudEvents 2"


def test_what_is_no_event_leaves_nothing_behind(sender: User) -> None:
    with pytest.raises(NotACloudEvent):
        send(sender, type="")
    assert not Connection.objects.exists()
    assert not Delivery.objects.exists()


def test_a_connection_of_another_source_or_one_switched_off_takes_none(sender: User) -> None:
    hooks = make_connection(owner=sender, source=Source.WEBHOOK)
    with pytest.raises(NotSendable, match="not for CloudEvents"):
        send(sender, hooks)
    off = connect(sender)
    off.is_enabled = False
    off.save(update_fields=["is_enabled"])
    for connection in (off, None):
        with pytest.raises(NotSendable, match="switched off"):
            send(sender, connection)
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_first_events_at_the_same_time_make_one_connection_and_one_delivery(sender: User) -> None:
    together, receipts = Barrier(4), []

    def at_once() -> None:
        together.wait()
        try:
            receipts.append(send(sender))
        finally:
            database.close()

    threads = [Thread(target=at_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Connection.objects.count(), Delivery.objects.count()) == (1, 1)
    assert sorted(receipt.duplicate for receipt in receipts) == [False, True, True, True]
