"""Replaying an event: the same change comes in again, linked to its origin, and moves no item's state."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.operations import Operation
from accounts.permissions import require_of
from accounts.services import audit
from triggers.documents.priority import is_raised
from triggers.enums import Origin, RevisionChoice
from triggers.models import Event, Replay, Trigger
from triggers.selectors.standings import standing_at
from triggers.services.intake import Incoming, Receipt, accept
from triggers.services.keeping.tombstones import InputsPurged
from triggers.services.replays.edit import changed_paths, checked
from triggers.sources.internal.order import Order


class CannotReplay(Exception):
    """The replay would ask nobody; the message says why and what to do."""


@dataclass(frozen=True)
class Manner:
    """How something is repeated: by the revisions of now or of then, into a draft that a person reviews, at a priority
    of its own (None: its trigger's), with a cooldown set aside.
    """

    revision: RevisionChoice = RevisionChoice.NOW
    is_draft: bool = False
    priority: int | None = None
    is_cooldown_bypassed: bool = False

    def told(self) -> dict[str, Any]:
        """What differs from a plain replay, for the audit log."""
        found: dict[str, Any] = {"revision": RevisionChoice.THEN.value} if self.revision == RevisionChoice.THEN else {}
        found |= {"draft": True} if self.is_draft else {}
        found |= {"priority": self.priority} if self.priority is not None else {}
        return found | ({"cooldown": "set aside"} if self.is_cooldown_bypassed else {})

    def require_of(self, by: Actor) -> None:
        """Raise Denied where it takes a right of its own: a high priority, a cooldown that does not hold."""
        if self.is_cooldown_bypassed or is_raised(self.priority, None):
            require_of(by, Operation.SET_HIGH_PRIORITY)


PLAIN = Manner()


def replay(
    *,
    event: Event,
    trigger: Trigger | None,
    by: Actor,
    now: datetime,
    manner: Manner = PLAIN,
    edit: Mapping[str, Any] | None = None,
) -> Receipt:
    """Ask again: one trigger, or everybody who listens (now, or listened then). Judged against the item as it was
    before the event.

    ``edit`` holds parts of the event that shall say something else (``replay_edit.EDITABLE``). A replay of a replay
    links to the first event. Raises InputsPurged where its content is no longer kept, InvalidEdit, and CannotReplay for
    a trigger that had nothing published then; Denied.
    """
    manner.require_of(by)
    if manner.revision == RevisionChoice.THEN and trigger is not None:
        _check_then(event, trigger)
    wanted = checked(edit) if edit is not None else {}
    order = order_of(event, trigger=trigger, is_cooldown_bypassed=manner.is_cooldown_bypassed, edit=wanted)
    edited = changed_paths(event, wanted)
    told = {**manner.told(), **({"edited": edited} if edited else {})}
    with transaction.atomic():
        receipt = accept([incoming_of(order, event, now)])[0]
        note_of(receipt.delivery_id, event, manner=manner, edited=edited).save(force_insert=True)
        after = {"delivery": receipt.delivery_id, "trigger": order.target_trigger_id, **told}
        audit.record(by=by, action="event.replayed", obj=event, now=now, after=after)
    return receipt


def order_of(
    event: Event,
    *,
    trigger: Trigger | None,
    is_cooldown_bypassed: bool = False,
    edit: Mapping[str, Any] | None = None,
    token: str = "",
) -> Order:
    """The order that asks about a stored event once more; ``token`` names it where chance shall not. Raises
    InputsPurged.
    """
    if event.purged_at is not None:
        raise InputsPurged(event)
    origin_id = first_of(event)
    said = {name: getattr(event, name) for name in ("subject", "facts", "data", "changes")} | dict(edit or {})
    return Order(
        source=event.source,
        type=event.type,
        time=event.time,
        external_id=f"replay:{origin_id}:{token or secrets.token_hex(8)}",
        subject=said["subject"],
        actor=event.actor,
        facts=said["facts"],
        data=said["data"],
        changes=said["changes"],
        before=event.before,
        item_id=event.item_id,
        item_version=event.item_version,
        target_trigger_id=trigger.pk if trigger is not None else None,
        replay_of_id=origin_id,
        hop=event.hop,
        is_cooldown_bypassed=is_cooldown_bypassed,
        is_late=event.is_late,
    )


def first_of(event: Event) -> int:
    """The event that a replay of this one links to."""
    return event.replay_of_id or event.pk


def incoming_of(order: Order, event: Event, now: datetime) -> Incoming:
    """The delivery that carries the order."""
    return Incoming(
        connection_id=event.connection_id,
        source=Source.INTERNAL,
        body=order.to_body(),
        received_at=now,
        origin=Origin.REPLAY,
        trust_tier=event.trust_tier,
    )


def note_of(delivery_id: int, event: Event, *, manner: Manner, edited: list[str] | None = None) -> Replay:
    """What stands beside that delivery, not saved."""
    return Replay(
        delivery_id=delivery_id,
        event_id=first_of(event),
        as_of=_generation_of(event) if manner.revision == RevisionChoice.THEN else None,
        is_draft=manner.is_draft,
        priority=manner.priority,
        edited=edited or [],
    )


def _generation_of(event: Event) -> int:
    """Then is when the change itself was decided, not when it was repeated."""
    first = event.replay_of
    return first.generation if first is not None else event.generation


def _check_then(event: Event, trigger: Trigger) -> None:
    standing = standing_at(trigger=trigger, generation=_generation_of(event))
    if standing is None or standing.revision is None:
        raise CannotReplay(f"Nothing of {trigger} was published then. Replay it by the revision of now.")
