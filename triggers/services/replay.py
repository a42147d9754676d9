"""Replaying an event: the same change comes in again, linked to its origin, and moves no item's state."""

import secrets
from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.services import audit
from triggers.enums import Origin
from triggers.models import Event, Trigger
from triggers.services.intake import Incoming, Receipt, accept
from triggers.services.tombstones import InputsPurged
from triggers.sources.internal.order import Order


def replay(
    *, event: Event, trigger: Trigger | None, by: Actor, now: datetime, is_cooldown_bypassed: bool = False
) -> Receipt:
    """Ask again: one trigger, or everybody who listens now. Judged against the item as it was before the event.

    A replay of a replay links to the first event. Raises InputsPurged where its content is no longer kept.
    """
    order = order_of(event, trigger=trigger, is_cooldown_bypassed=is_cooldown_bypassed)
    incoming = Incoming(
        connection_id=event.connection_id,
        source=Source.INTERNAL,
        body=order.to_body(),
        received_at=now,
        origin=Origin.REPLAY,
        trust_tier=event.trust_tier,
    )
    with transaction.atomic():
        receipt = accept([incoming])[0]
        after = {"delivery": receipt.delivery_id, "trigger": order.target_trigger_id}
        audit.record(by=by, action="event.replayed", obj=event, now=now, after=after)
    return receipt


def order_of(event: Event, *, trigger: Trigger | None, is_cooldown_bypassed: bool = False) -> Order:
    """The order that asks about a stored event once more. Raises InputsPurged."""
    if event.purged_at is not None:
        raise InputsPurged(event)
    origin_id = event.replay_of_id or event.pk
    return Order(
        source=event.source,
        type=event.type,
        time=event.time,
        external_id=f"replay:{origin_id}:{secrets.token_hex(8)}",
        subject=event.subject,
        actor=event.actor,
        facts=event.facts,
        data=event.data,
        changes=event.changes,
        before=event.before,
        item_id=event.item_id,
        item_version=event.item_version,
        target_trigger_id=trigger.pk if trigger is not None else None,
        replay_of_id=origin_id,
        hop=event.hop,
        is_cooldown_bypassed=is_cooldown_bypassed,
        is_late=event.is_late,
    )
