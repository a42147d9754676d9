"""Refused deliveries come in again once the cause is gone: verified anew, never where a signature did not hold."""

import json
from datetime import timedelta
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Role, Source, Via
from accounts.models import AuditEntry, Secret
from accounts.permissions import Denied
from dct_site.kernel.crypto import WrongKey
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, WrittenOut, after, make_delivery, make_jira, make_trigger, ticket
from triggers.door.rejections import KEEP_BYTES
from triggers.door.verify import sign
from triggers.enums import DeliveryStatus, Origin, Refusal
from triggers.models import Decision, Delivery, DeliveryOutcome, Event, Execution, PendingDelivery, Replay, SeenChange
from triggers.services import endpoints
from triggers.services.decide.pending import decide_pending
from triggers.services.endpoints import Created, create_webhook_connection
from triggers.services.intake import Incoming, accept
from triggers.services.replays.delivery import NotReplayable, is_replayable, replay_delivery, why_not
from triggers.services.replays.event import Manner
from workspaces.enums import TrustTier
from workspaces.models import ContextItem, ItemState

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
SECRET = "a secret of the sender"
REFUSED = {"refuse": Refusal.NOT_UNDERSTOOD.value}


def make_hooks(**over: Any) -> Created:
    owner = make_user()
    values = {"name": "Hooks", "source": Source.JIRA, "owner": owner, "secret": SECRET, **over}
    return create_webhook_connection(by=SYSTEM, now=NOON, **values)


def bring(made: Created, *events: Any, secret: str = SECRET, body: bytes | None = None, **over: Any) -> Delivery:
    """What came to the webhook, signed."""
    body = json.dumps(list(events)).encode() if body is None else body
    incoming = Incoming(
        connection_id=made.connection.pk,
        endpoint_id=made.endpoint.pk,
        source=made.connection.source,
        body=body,
        received_at=NOON,
        **{"headers": {"x-signature-256": sign(secret.encode(), body)}, "trust_tier": TrustTier.VERIFIED, **over},
    )
    return Delivery.objects.get(pk=accept([incoming])[0].delivery_id)


def refused_then_understood(monkeypatch: pytest.MonkeyPatch, made: Created, **over: Any) -> Delivery:
    """A delivery that the source's parser had no use for, until now."""
    delivery = bring(made, REFUSED, **over)
    decide_pending(now=NOON)
    monkeypatch.setattr(WrittenOut, "parse", understands_everything)
    return Delivery.objects.select_related("outcome").get(pk=delivery.pk)


def understands_everything(self: WrittenOut, raw: Any) -> Any:
    return [self._event(ticket(state={"status": "open"}, change_key="OPS-1:1", upstream_version="1"))]


def again(delivery: Delivery, **how: Any) -> Delivery:
    receipt = replay_delivery(delivery=Delivery.objects.get(pk=delivery.pk), by=SYSTEM, now=after(60), **how)
    decide_pending(now=after(60))
    return Delivery.objects.get(pk=receipt.delivery_id)


def refusal(delivery: Delivery) -> str:
    """The code with which a replay is refused; nothing is stored then."""
    before = Delivery.objects.count(), Replay.objects.count(), AuditEntry.objects.count()
    with pytest.raises(NotReplayable) as refused:
        again(delivery)
    assert str(refused.value)
    assert (Delivery.objects.count(), Replay.objects.count(), AuditEntry.objects.count()) == before
    return refused.value.code


def test_what_the_parser_refused_becomes_events_once_it_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_hooks()
    trigger = make_trigger(connection=made.connection)
    delivery = refused_then_understood(monkeypatch, made)
    assert delivery.outcome.status == DeliveryStatus.REFUSED

    repeated = again(delivery)

    event = Event.objects.get()
    assert (event.origin, event.delivery_id, event.trust_tier) == (Origin.REPLAY, repeated.pk, TrustTier.VERIFIED)
    assert (repeated.body, repeated.headers) == (delivery.body, delivery.headers)
    assert Replay.objects.get().of_delivery_id == delivery.pk
    assert Decision.objects.get().trigger == trigger
    entry = AuditEntry.objects.get(action="delivery.replayed")
    assert (entry.object_id, entry.after) == (delivery.pk, {"delivery": repeated.pk})


def test_it_moves_no_items_state_and_stands_in_for_no_report_that_will(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_hooks()
    again(refused_then_understood(monkeypatch, made))
    assert (ContextItem.objects.get().state, ItemState.objects.count(), SeenChange.objects.count()) == ({}, 0, 0)

    make_delivery(made.connection)
    decide_pending(now=after(61))

    assert ContextItem.objects.get().state == {"status": "open"}


def test_a_change_that_came_by_another_way_meanwhile_is_not_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_hooks()
    delivery = refused_then_understood(monkeypatch, made)
    make_delivery(made.connection)
    decide_pending(now=NOON)
    event = Event.objects.get()

    repeated = again(delivery)

    assert Event.objects.get() == event
    assert "reported already" in DeliveryOutcome.objects.get(pk=repeated.pk).detail


def test_into_a_draft_and_at_a_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_hooks()
    make_trigger(connection=made.connection)
    again(refused_then_understood(monkeypatch, made), manner=Manner(is_draft=True, priority=2))

    assert Replay.objects.get().is_draft
    assert Execution.objects.get().priority == 2


def test_a_high_priority_takes_its_own_right(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = refused_then_understood(monkeypatch, make_hooks())
    ceo = Actor.person(make_user(role=Role.CEO), Via.API)
    with pytest.raises(Denied):
        replay_delivery(delivery=delivery, by=ceo, now=NOON, manner=Manner(priority=8))
    assert not Replay.objects.exists()


def test_a_replay_that_is_refused_again_is_replayed_by_its_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_hooks()
    delivery = bring(made, REFUSED)
    decide_pending(now=NOON)
    second = again(delivery)
    again(second)

    assert set(Replay.objects.values_list("of_delivery_id", flat=True)) == {delivery.pk}


def test_one_that_could_not_be_decided_is_replayable_and_a_poll_has_no_signature() -> None:
    delivery = make_delivery(make_jira(), {"raise": "a bug"})
    decide_pending(now=NOON)
    assert DeliveryOutcome.objects.get().status == DeliveryStatus.ERROR

    assert again(delivery).trust_tier == delivery.trust_tier


# Verified again


def test_the_secrets_of_now_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_hooks()
    delivery = refused_then_understood(monkeypatch, made)
    endpoints.rotate_secret(endpoint=made.endpoint, secret="another secret of it", by=SYSTEM, now=NOON)
    assert again(delivery).body == delivery.body

    Secret.objects.filter(expires_at__isnull=False).update(expires_at=after(10))
    assert refusal(delivery) == "bad_signature"
    Secret.objects.all().delete()
    assert refusal(delivery) == "no_secret"
    Secret.objects.create(connection=made.connection, name="webhook", value="", created_at=NOON)
    assert refusal(delivery) == "no_secret"


def test_raw_bytes_that_are_not_those_that_were_signed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = refused_then_understood(monkeypatch, make_hooks())
    Delivery.objects.filter(pk=delivery.pk).update(body=b"[{}]")
    assert refusal(delivery) == "bad_signature"


def test_a_secret_that_cannot_be_read_verifies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = refused_then_understood(monkeypatch, make_hooks())
    monkeypatch.setattr("dct_site.kernel.fields.Sealed.open", _wrong_key)
    assert refusal(delivery) == "no_secret"


def _wrong_key(*_: Any, **__: Any) -> str:
    raise WrongKey("another key")


def test_a_timestamp_that_was_right_when_it_came_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_hooks(timestamp_header="X-Stamp")
    stamp, body = int(NOON.timestamp()), json.dumps([REFUSED]).encode()
    headers = {"x-signature-256": sign(SECRET.encode(), body, timestamp=stamp), "x-stamp": str(stamp)}
    delivery = refused_then_understood(monkeypatch, made, headers=headers, body=body)
    Delivery.objects.filter(pk=delivery.pk).update(received_at=NOON - timedelta(hours=1))
    assert refusal(delivery) == "bad_signature"
    Delivery.objects.filter(pk=delivery.pk).update(received_at=NOON)
    assert again(delivery).body == delivery.body


@pytest.mark.parametrize("off", ["endpoint", "connection", "no endpoint", "no connection"])
def test_of_what_is_switched_off_or_gone_nothing_comes_in(monkeypatch: pytest.MonkeyPatch, off: str) -> None:
    made = make_hooks()
    delivery = refused_then_understood(monkeypatch, made)
    if off == "endpoint":
        endpoints.disable(endpoint=made.endpoint, by=SYSTEM, now=NOON)
    elif off == "connection":
        made.connection.is_enabled = False
        made.connection.save()
    elif off == "no endpoint":
        made.endpoint.delete()
    else:
        made.connection.delete()
    assert refusal(delivery) == ("no_connection" if off == "no connection" else "no_endpoint")


# Turned away at the door


@pytest.mark.parametrize("reason", [Refusal.BAD_SIGNATURE, Refusal.STALE_TIMESTAMP])
def test_what_failed_its_signature_is_never_replayed_though_it_would_hold_now(reason: Refusal) -> None:
    delivery = bring(make_hooks(), ticket(), rejection=reason)

    assert refusal(delivery) == "never_replayable"
    assert not is_replayable(delivery)
    assert "never" in why_not(delivery)


@pytest.mark.parametrize("reason", [Refusal.TOO_LARGE, Refusal.RATE_LIMITED])
def test_what_was_not_stored_says_so(reason: Refusal) -> None:
    delivery = bring(make_hooks(), body=b"", rejection=reason)

    assert refusal(delivery) == "not_kept"
    assert "not stored" in why_not(delivery)


def test_one_without_a_secret_comes_in_once_there_is_one_and_claims_its_id() -> None:
    made = make_hooks(id_path="0.item.key")
    make_trigger(connection=made.connection)
    delivery = bring(made, ticket(), rejection=Refusal.NO_SECRET)
    assert is_replayable(delivery)
    assert why_not(delivery) == ""

    repeated = again(delivery)

    assert (repeated.rejection, repeated.delivery_key) == ("", "OPS-1")
    assert Event.objects.get().origin == Origin.REPLAY
    assert refusal(delivery) == "taken_already"
    assert not PendingDelivery.objects.exists()


@pytest.mark.parametrize("body", [b"", b"x" * KEEP_BYTES])
def test_a_rejected_body_that_may_be_cut_says_so(body: bytes) -> None:
    assert refusal(bring(make_hooks(), body=body, rejection=Refusal.NO_SECRET)) == "not_kept"


def test_what_is_still_no_safe_json_is_still_refused() -> None:
    delivery = bring(make_hooks(), body=b'{"a": 1e400}', rejection=Refusal.NOT_SAFE_JSON)
    assert refusal(delivery) == "not_safe_json"


# Not refused at all, or gone


def test_what_was_decided_or_waits_is_no_refused_delivery() -> None:
    delivery = make_delivery(make_jira())
    assert refusal(delivery) == "not_refused"
    decide_pending(now=NOON)
    assert refusal(delivery) == "not_refused"


def test_one_whose_content_is_no_longer_kept_is_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = refused_then_understood(monkeypatch, make_hooks())
    Delivery.objects.update(body=b"", purged_at=NOON)
    assert refusal(delivery) == "inputs_purged"
