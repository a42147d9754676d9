"""Events as they will be stored: what a delivery says, beside what is known of its item and of its sender."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.enums import Source
from dct_site.kernel.rows import made
from triggers.enums import Origin
from triggers.models import Delivery, Event, WebhookEndpoint
from triggers.services.decide.changes import change_key
from triggers.services.decide.items import Slot
from triggers.services.decide.read import Reading
from triggers.services.trust import tier_of
from triggers.sources.base import ParsedEvent
from triggers.sources.internal.order import FIRED_BY_HAND, Order
from triggers.sources.schedule.body import SLOT
from workspaces.enums import TrustTier
from workspaces.models import ItemState


class Maker:
    """Makes the events of a batch, under one generation. ``endpoints``: {connection id: the way by which it came}."""

    def __init__(self, *, endpoints: Mapping[int, WebhookEndpoint], generation: int, now: datetime) -> None:
        self._endpoints = endpoints
        self._generation = generation
        self._now = now

    def event(self, reading: Reading, parsed: ParsedEvent, slot: Slot | None) -> Event:
        """One event about an item, as it was before it."""
        delivery, order = reading.delivery, reading.order
        is_late = slot is not None and order is None and slot.is_overtaken_by(parsed.upstream_version)
        touched = slot.differences(parsed.state) if slot is not None and not is_late else {}
        changes = parsed.changes if parsed.changes is not None else touched
        known = slot.row.state if slot is not None else {}
        event = made(
            Event,
            delivery_id=delivery.pk,
            connection_id=delivery.connection_id,
            external_id=parsed.external_id[:300],
            source=delivery.source,
            type=parsed.type[:100],
            subject=parsed.subject[:500],
            actor=parsed.actor[:300],
            time=parsed.time,
            origin=delivery.origin,
            trust_tier=self._tier(delivery, parsed),
            facts=dict(parsed.facts),
            data=dict(parsed.data),
            changes={path: list(pair) for path, pair in changes.items()},
            before={path: known[path] for path in {*touched, *changes} if path in known},
            item_version=slot.row.state_version if slot is not None else None,
            # A replay moves no state, so it must not stand in for the report that will.
            change_key=change_key(parsed) if delivery.origin != Origin.REPLAY else "",
            is_late=is_late,
            hop=parsed.hop,
            accepted_at=delivery.received_at,
            decided_at=self._now,
            generation=self._generation,
        )
        return _as_ordered(event, order) if order is not None else event

    def _tier(self, delivery: Delivery, parsed: ParsedEvent) -> str:
        """The door knows the sender only; who acted is known now, and may be on the endpoint's list."""
        endpoint = self._endpoints.get(delivery.connection_id)
        if endpoint is None or delivery.trust_tier != TrustTier.VERIFIED:
            return delivery.trust_tier
        return tier_of(endpoint, parsed.actor, verified=True)


def is_by_hand(event: Event) -> bool:
    """Whether a person asked for this trigger, be it now or in the event that is replayed: no conditions are asked."""
    return event.source == Source.INTERNAL and event.type == FIRED_BY_HAND


def is_slot(event: Event) -> bool:
    """Whether the clock tells of a slot of a schedule."""
    return event.source == Source.SCHEDULE and event.type == SLOT and event.origin == Origin.TIMER


def state_at(item_id: int, version: int | None) -> tuple[Mapping[str, Any], int]:
    """The state an item was in at a version; an empty one before its first, or where the history is gone."""
    found = ItemState.objects.filter(item_id=item_id, version=version or 0).first()
    return (found.state, found.version) if found is not None else ({}, 0)


def _as_ordered(event: Event, order: Order) -> Event:
    """What only DCT itself can say about an event."""
    event.source, event.hop, event.is_late = order.source, order.hop, order.is_late
    event.before = dict(order.before)
    event.target_trigger_id, event.replay_of_id = order.target_trigger_id, order.replay_of_id
    if order.item_version is not None:
        event.item_version = order.item_version
    return event
