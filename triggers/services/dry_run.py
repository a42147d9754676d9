"""Dry runs: what a document would answer, by the very function that decides; nothing is written and nobody is woken."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.enums import Source
from accounts.models import Connection, User
from triggers.conditions.describe import summary
from triggers.conditions.tree import normalise
from triggers.conditions.verdict import Node, Verdict
from triggers.documents import read
from triggers.enums import Origin, Outcome, TriggerStatus
from triggers.models import Delivery, Event, Trigger
from triggers.services.decide.answers import Answer
from triggers.services.decide.past import is_counted
from triggers.services.decide.plan import Plan, prepare
from triggers.services.matching import Candidate
from triggers.services.replays.event import order_of
from triggers.services.validation import InvalidDocument, document_problems
from workspaces.enums import TrustTier

MOST = 500
"""Events per dry run; a whole history is a back-test."""


class NothingToTry(Exception):
    """What was given holds no event; the message says why."""


@dataclass(frozen=True)
class Tried:
    """What would have been answered to one event. ``event`` has no pk where it came from a pasted payload.

    ``outcome`` is `fired` where it would fire, also for a trigger that is paused or in shadow: a dry run asks what the
    document means, not how the trigger stands. ``would_arm``: until when the watches would run that it arms, unless one
    of the item runs already; ``would_disarm``: it would end those that run.
    """

    event: Event
    outcome: str
    summary: str
    suppressed_by: str = ""
    until: datetime | None = None
    detail: str = ""
    because: Mapping[str, Any] = field(default_factory=dict)
    would_arm: tuple[datetime, ...] = ()
    would_disarm: bool = False


def try_on_events(
    *, trigger: Trigger, document: Mapping[str, Any], owner: User, events: Sequence[Event], now: datetime
) -> list[Tried]:
    """What ``document`` would answer to stored events, each by itself, against the item as it was before it.

    At most MOST events. Raises InvalidDocument, and InputsPurged for an event whose content is no longer kept.
    """
    one = _candidate(trigger, document, owner)
    return [
        tried
        for event in events[:MOST]
        for tried in _told(prepare(deliveries=[_again(event, trigger, now)], now=now, only=one), stored=event)
    ]


def try_on_payload(
    *,
    trigger: Trigger,
    document: Mapping[str, Any],
    owner: User,
    connection: Connection,
    body: bytes,
    headers: Mapping[str, str],
    now: datetime,
) -> list[Tried]:
    """What ``document`` would answer if ``connection`` brought this body now, from a verified sender.

    Raises InvalidDocument, and NothingToTry where the source's parser makes no event of it.
    """
    delivery = Delivery(
        pk=0,
        connection_id=connection.pk,
        source=connection.source,
        origin=Origin.LIVE,
        body=body,
        headers={name.lower(): value for name, value in headers.items()},
        trust_tier=TrustTier.VERIFIED,
        received_at=now,
    )
    plan = prepare(deliveries=[delivery], now=now, only=_candidate(trigger, document, owner))
    reading = plan.readings[0]
    if reading.refusal:
        raise NothingToTry(f"No event comes of this payload: {reading.detail}")
    if not plan.planned:
        raise NothingToTry(plan.details.get(0) or "No event comes of this payload.")
    return _told(plan)


def _candidate(trigger: Trigger, document: Mapping[str, Any], owner: User) -> Candidate:
    if problems := document_problems(document=document, owner=owner):
        raise InvalidDocument(problems)
    # As it would be published: an absence is known by what it says.
    document = {**document, "conditions": normalise(document["conditions"])}
    standing = copy.copy(trigger)
    standing.status, standing.owner = TriggerStatus.ACTIVE, owner
    return Candidate(standing, 0, document, read(document))


def _again(event: Event, trigger: Trigger, now: datetime) -> Delivery:
    """The delivery that a replay would make of an event, stored nowhere."""
    return Delivery(
        pk=0,
        connection_id=event.connection_id,
        source=Source.INTERNAL,
        origin=Origin.REPLAY,
        body=order_of(event, trigger=trigger).to_body(),
        trust_tier=event.trust_tier,
        received_at=now,
    )


def _told(plan: Plan, stored: Event | None = None) -> list[Tried]:
    return [_tried(stored or one.event, answer) for one in plan.planned for answer in one.answers]


def _tried(event: Event, answer: Answer) -> Tried:
    asks_by_itself = is_counted(event)
    return Tried(
        would_arm=tuple(event.accepted_at + want.within for want in answer.would_arm) if asks_by_itself else (),
        would_disarm=answer.would_disarm and asks_by_itself,
        event=event,
        outcome=Outcome(answer.outcome),
        summary=answer.detail or summary(Verdict.of(Node.from_json(answer.because))),
        suppressed_by=answer.suppressed_by,
        until=answer.until,
        detail=answer.detail,
        because=answer.because,
    )
