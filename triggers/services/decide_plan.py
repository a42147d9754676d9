"""Preparing a decision: read, look up, judge. Writes nothing; the commit checks what the plan rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from accounts.enums import Source
from accounts.models import Connection
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.verdict import Verdict
from triggers.enums import Origin, Outcome, TriggerStatus
from triggers.models import Delivery, Event, Replay, WebhookEndpoint
from triggers.services import generation
from triggers.services.decide_bounds import Work
from triggers.services.decide_changes import change_key, seen_before, words
from triggers.services.decide_items import Shelf, Slot
from triggers.services.decide_ledger import Ledger
from triggers.services.decide_past import Past, Seen, Stored
from triggers.services.decide_read import Reading, read_all
from triggers.services.decide_rights import Rights
from triggers.services.decide_rules import Circumstances, delayed_until, displaced, merges, suppression
from triggers.services.decide_wishes import as_wished, candidates_then, wishes_of
from triggers.services.judge import event_facts, judge, judged_by_hand
from triggers.services.matching import Candidate, candidates, index_at, scopes_of
from triggers.services.own_writes import own_actors_of
from triggers.services.trust import tier_of
from triggers.sources.base import ParsedEvent
from triggers.sources.internal.order import FIRED_BY_HAND, Order
from workspaces.enums import TrustTier
from workspaces.models import ItemState

STATE_MOVING = (Origin.LIVE, Origin.BACKFILL)
"""A baseline is the first that is known of an item; a replay, a timer or a person says nothing new about it."""

JOINED = "it joined the run for the same item that still waits"


@dataclass
class Answer:
    """One trigger's answer to one event, as far as it is kept.

    One that fired joins a work that is queued already, or begins one of its own and may take others out of the queue.
    That one has a ``backlog_turn`` where its event was old, and then does not start after ``expires_at``.
    """

    candidate: Candidate
    outcome: Outcome
    suppressed_by: str = ""
    until: datetime | None = None
    not_before: datetime | None = None
    detail: str = ""
    because: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    joins: Work | None = None
    displaces: list[Work] = field(default_factory=list)
    backlog_turn: int = 0
    expires_at: datetime | None = None
    counted: list[Event] | None = None
    """The other events that it rests on; None where it looked at none."""


@dataclass
class Planned:
    """An event about to be stored, the item it is about, and the answers to it."""

    event: Event
    slot: Slot | None
    answers: list[Answer] = field(default_factory=list)


@dataclass
class Plan:
    """What a batch of deliveries comes to, under one generation."""

    generation: int
    now: datetime
    readings: list[Reading]
    planned: list[Planned]
    shelf: Shelf
    ledger: Ledger
    stored: Stored
    details: dict[int, str]
    """What to say about a delivery beside its events: {delivery id: words}."""

    @property
    def fired(self) -> list[tuple[Planned, Answer]]:
        return [(one, answer) for one in self.planned for answer in one.answers if answer.outcome == Outcome.FIRED]

    @property
    def begun(self) -> list[tuple[Planned, Answer]]:
        """Those that fired and ask for an execution of their own."""
        return [(one, answer) for one, answer in self.fired if answer.joins is None]

    @property
    def counting(self) -> set[int]:
        """The triggers that counted other events."""
        return {answer.candidate.id for one in self.planned for answer in one.answers if answer.counted is not None}


@dataclass(frozen=True)
class _Question:
    """An event as it was before it moved its item, and who may answer: {trigger id: its revision, or None for any}.

    Without ``facts`` no conditions are asked.
    """

    planned: Planned
    order: Order | None
    facts: EventFacts | None = None
    item: ItemFacts | None = None
    found: Mapping[int, int | None] = field(default_factory=dict)
    number: int = 0
    """How many questions of the batch come before it."""
    wish: Replay | None = None
    then: Mapping[int, Candidate] = field(default_factory=dict)
    """Those of another time, who answer instead of those of now."""


def prepare(*, deliveries: Sequence[Delivery], now: datetime, only: Candidate | None = None) -> Plan:
    """Plan the decisions of deliveries, in order. Raises what a poison delivery raises.

    With ``only`` a dry run: this candidate alone is asked about everything, and its "not matched" is an answer too.
    """
    return _Planner(deliveries, now, only).plan()


class _Planner:
    def __init__(self, deliveries: Sequence[Delivery], now: datetime, only: Candidate | None) -> None:
        self._now = now
        self._only = only
        # First of all reads: whatever is changed after it makes the commit refuse the plan.
        self._generation = generation.current()
        self._connections = Connection.objects.in_bulk({delivery.connection_id for delivery in deliveries})
        self._readings = read_all(deliveries, self._connections)
        orders = [reading.order for reading in self._readings if reading.order is not None]
        refs = [
            (reading.delivery.connection_id, parsed.item)
            for reading in self._readings
            for parsed in reading.events
            if parsed.item is not None
        ]
        self._shelf = Shelf(refs=refs, item_ids=[order.item_id for order in orders if order.item_id], now=now)
        self._endpoints = {
            row.connection_id: row for row in WebhookEndpoint.objects.filter(connection_id__in=self._connections)
        }
        self._seen = seen_before(self._readings)
        self._rights = Rights()
        self._wishes = wishes_of(deliveries)
        self._stored = Stored()
        self._seen_events: list[Seen] = []
        self._planned: list[Planned] = []
        self._questions: list[_Question] = []
        self._details: dict[int, str] = {}

    def plan(self) -> Plan:
        for reading in self._readings:
            for parsed in reading.events:
                self._plan_event(reading, parsed)
        ledger = self._answer_all()
        return Plan(
            generation=self._generation,
            now=self._now,
            readings=self._readings,
            planned=self._planned,
            shelf=self._shelf,
            ledger=ledger,
            stored=self._stored,
            details=self._details,
        )

    def _plan_event(self, reading: Reading, parsed: ParsedEvent) -> None:
        delivery, order = reading.delivery, reading.order
        if order is None and parsed.change_key:
            key = (delivery.connection_id, change_key(parsed))
            if key in self._seen:
                self._details[delivery.pk] = words(self._seen[key])
                return
            self._seen[key] = None
        slot = self._slot(delivery, parsed, order)
        event = self._event(reading, parsed, slot)
        planned = Planned(event, slot)
        self._planned.append(planned)
        # Asked now, for the item moves on; answered when it is known who has to be read for all of them.
        self._questions.append(self._question(planned, order))
        # An order names no item by its key: it says nothing new about one.
        if slot is not None and parsed.item is not None and delivery.origin in STATE_MOVING and not event.is_late:
            slot.learn(parsed.item, self._now)
            self._move_state(slot, parsed, event)

    def _slot(self, delivery: Delivery, parsed: ParsedEvent, order: Order | None) -> Slot | None:
        if order is not None:
            return self._shelf.by_id(order.item_id) if order.item_id else None
        return self._shelf.find(delivery.connection_id, parsed.item) if parsed.item is not None else None

    def _move_state(self, slot: Slot, parsed: ParsedEvent, event: Event) -> None:
        slot.become(
            dict(parsed.state),
            upstream_version=parsed.upstream_version[:64],
            trust_tier=event.trust_tier,
            event_at=len(self._planned) - 1,
        )

    def _event(self, reading: Reading, parsed: ParsedEvent, slot: Slot | None) -> Event:
        delivery, order = reading.delivery, reading.order
        is_late = slot is not None and order is None and slot.is_overtaken_by(parsed.upstream_version)
        touched = slot.differences(parsed.state) if slot is not None and not is_late else {}
        changes = parsed.changes if parsed.changes is not None else touched
        known = slot.row.state if slot is not None else {}
        event = Event(
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

    def _question(self, planned: Planned, order: Order | None) -> "_Question":
        event, slot = planned.event, planned.slot
        if self._only is None and event.origin == Origin.BACKFILL:
            return _Question(planned, order)
        wish = self._wishes.get(event.delivery_id or 0) if self._only is None else None
        if wish is not None and wish.as_of is not None:
            facts, item = (None, None) if is_by_hand(event) else (event_facts(event), self._item_facts(event, slot))
            return _Question(planned, order, facts, item, wish=wish, then=candidates_then(event, wish))
        target_id = event.target_trigger_id if self._only is None else self._only.id
        if target_id is not None and is_by_hand(event):
            return _Question(planned, order, found={target_id: None}, wish=wish)
        facts, item = event_facts(event), self._item_facts(event, slot)
        if target_id is not None:
            return _Question(planned, order, facts, item, {target_id: None}, wish=wish)
        scopes = scopes_of(connection_id=event.connection_id, item_ids=slot.ids if slot is not None else ())
        found = index_at(self._generation).match(facts, item, scopes)
        question = _Question(planned, order, facts, item, dict(found), len(self._seen_events), wish)
        self._seen_events.append(Seen(event, facts, item, slot))
        return question

    def _answer_all(self) -> Ledger:
        found = {key: revision_id for one in self._questions for key, revision_id in one.found.items()}
        known = {self._only.id: self._only} if self._only is not None else candidates(found)
        then = {key: one for asked in self._questions for key, one in asked.then.items()}
        ledger = Ledger.of(list((then | known).values()), now=self._now)
        for asked in self._questions:
            ones = [as_wished(known[key], asked.wish) for key in sorted(asked.found) if key in known]
            ones += [as_wished(asked.then[key], asked.wish) for key in sorted(asked.then)]
            answers = [self._answer(one, asked, ledger) for one in ones]
            asked.planned.answers = [answer for answer in answers if answer is not None]
        return ledger

    def _answer(self, one: Candidate, asked: "_Question", ledger: Ledger) -> Answer | None:
        if asked.facts is None:
            return self._told(one, asked, ledger, judged_by_hand(actor=asked.planned.event.actor))
        past = self._past(one, asked)
        verdict = judge(document=one.raw, event=asked.facts, item=asked.item, past=past)
        if verdict.error is None and not verdict.matched and self._only is None and past.counted is None:
            # Judged again when somebody wants to know. What looked at other events could not be.
            return None
        answer = self._told(one, asked, ledger, verdict)
        answer.counted = past.counted
        return answer

    def _past(self, one: Candidate, asked: "_Question") -> Past:
        event, slot = asked.planned.event, asked.planned.slot
        item_id = slot.row.pk if slot is not None else None
        batch = self._seen_events[: asked.number]
        return Past(self._stored, event, item_id, one.raw.get("conditions"), batch, slot)

    def _told(self, one: Candidate, asked: "_Question", ledger: Ledger, verdict: Verdict) -> Answer:
        because = verdict.because.as_json()
        if verdict.error is not None:
            return Answer(one, Outcome.ERROR, detail=verdict.error[:500], because=because)
        if not verdict.matched:
            return Answer(one, Outcome.NOT_MATCHED, because=because)
        event = asked.planned.event
        is_draft = asked.wish is not None and asked.wish.is_draft
        joins = ledger.bounds.mergeable(one, asked.planned.slot, event.trust_tier) if not is_draft else None
        given = self._circumstances(one, asked, ledger, joins)
        held = suppression(given)
        if held is not None:
            return Answer(
                one, Outcome.SUPPRESSED, held.by, held.until, None, held.detail[:500], because, dict(held.facts)
            )
        if one.trigger.status == TriggerStatus.SHADOW:
            return Answer(one, Outcome.SHADOWED, because=because)
        if merges(given):
            ledger.fire(one, accepted_at=event.accepted_at, not_before=None)
            return Answer(one, Outcome.FIRED, detail=JOINED, because=because, joins=joins)
        not_before = delayed_until(given)
        ledger.fire(one, accepted_at=event.accepted_at, not_before=not_before)
        answer = Answer(one, Outcome.FIRED, not_before=not_before, because=because)
        answer.displaces = ledger.bounds.drop(one, displaced(given))
        ledger.bounds.begin(one, asked.planned.slot, event.trust_tier, answer, is_apart=is_draft)
        return answer

    def _item_facts(self, event: Event, slot: Slot | None) -> ItemFacts | None:
        if slot is None:
            return None
        facts = slot.facts()
        if event.item_version == facts.version:
            return facts
        state, version = state_at(slot.row.pk, event.item_version)
        return replace(facts, state=state, version=version)

    def _circumstances(self, one: Candidate, asked: "_Question", ledger: Ledger, joins: Work | None) -> Circumstances:
        event, slot, order = asked.planned.event, asked.planned.slot, asked.order
        connection = self._connections[event.connection_id]
        return Circumstances(
            status=one.trigger.status,
            limits=one.document.limits,
            origin=event.origin,
            hop=event.hop,
            is_late=event.is_late,
            actor=event.actor if not is_by_hand(event) else "",
            event_time=event.time,
            accepted_at=event.accepted_at,
            now=self._now,
            own_actors=own_actors_of(connection.config),
            is_source_paused=connection.is_paused or not connection.is_enabled,
            rights_problem=self._rights.problem(one, connection, slot.row if slot is not None else None),
            last_fired_at=ledger.cooldowns.last_fired_at(one),
            free_at=ledger.cooldowns.free_at(one),
            is_cooldown_bypassed=order is not None and order.is_cooldown_bypassed,
            rate_free_at=ledger.rates.free_at(one),
            storm_firings=ledger.rates.storm_firings(one, event.accepted_at),
            queued=ledger.bounds.queued(one),
            same_item=ledger.bounds.same_item(one, slot),
            is_mergeable=joins is not None,
        )


def is_by_hand(event: Event) -> bool:
    """Whether a person asked for this trigger, be it now or in the event that is replayed: no conditions are asked."""
    return event.source == Source.INTERNAL and event.type == FIRED_BY_HAND


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
