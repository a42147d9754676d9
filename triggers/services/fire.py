"""Firing a trigger by hand: a delivery of DCT's own that only this trigger is asked about."""

import secrets
from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection
from accounts.services import audit
from triggers.enums import Origin, TriggerStatus
from triggers.models import ContextListener, Trigger
from triggers.services.intake import Incoming, Receipt, accept
from triggers.sources.internal.order import FIRED_BY_HAND, Order
from workspaces.enums import TrustTier
from workspaces.models import ContextItem, ItemState


class CannotFire(Exception):
    """The trigger would not fire; the message says why and what to do."""


def fire(
    *, trigger: Trigger, item: ContextItem | None, by: Actor, now: datetime, is_cooldown_bypassed: bool = False
) -> Receipt:
    """Ask for one run of a trigger, about an item or about nothing in particular; its conditions are not asked.

    Everything else holds: cooldown (unless bypassed), limits, the owner's rights. Raises CannotFire for a trigger that
    is not active or shadow.
    """
    row = Trigger.objects.get(pk=trigger.pk)
    problem = _problem(row)
    if problem:
        raise CannotFire(problem)
    connection = item.connection if item is not None else _connection_of(row)
    if connection is None:
        raise CannotFire("The trigger listens to nothing. Choose a card to fire it for.")
    order = Order(
        source=Source.INTERNAL,
        type=FIRED_BY_HAND,
        time=now,
        external_id=f"fire:{secrets.token_hex(8)}",
        subject=item.external_key if item is not None else "",
        actor=by.label,
        facts={"title": item.title if item is not None else row.name, "text": "", "kinds": [], "mentions": []},
        data={"item": _item_data(item)} if item is not None else {},
        item_id=item.pk if item is not None else None,
        target_trigger_id=row.pk,
        is_cooldown_bypassed=is_cooldown_bypassed,
    )
    incoming = Incoming(
        connection_id=connection.pk,
        source=Source.INTERNAL,
        body=order.to_body(),
        received_at=now,
        origin=Origin.MANUAL,
        trust_tier=_tier(item),
    )
    with transaction.atomic():
        receipt = accept([incoming])[0]
        after = {"delivery": receipt.delivery_id, "item": order.item_id}
        audit.record(by=by, action="trigger.fired", obj=row, now=now, after=after)
    return receipt


def _problem(trigger: Trigger) -> str:
    return {
        TriggerStatus.NEW: "Nothing of this trigger is published yet. Publish it first.",
        TriggerStatus.PAUSED: "The trigger is paused. Resume it first.",
        TriggerStatus.DISABLED: "The trigger is disabled. Publish it again first.",
    }.get(TriggerStatus(trigger.status), "")


def _connection_of(trigger: Trigger) -> Connection | None:
    heard = (
        ContextListener.objects.filter(heard_by__trigger=trigger).select_related("connection").order_by("pk").first()
    )
    return heard.connection if heard is not None else None


def _tier(item: ContextItem | None) -> str:
    """What a person fires is trusted as far as the text that its agent will read."""
    if item is None:
        return TrustTier.ALLOWED
    known = ItemState.objects.filter(item=item).order_by("-version").first()
    return known.trust_tier if known is not None else TrustTier.ALLOWED


def _item_data(item: ContextItem) -> dict[str, object]:
    return {
        "kind": item.kind,
        "key": item.external_key,
        "title": item.title,
        "url": item.url,
        "state": item.state,
    }
