"""Preparing a decision: read, look up, judge. Writes nothing; the commit checks what the plan rests on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from triggers.conditions.facts import ItemFacts
from triggers.enums import Origin, Outcome
from triggers.models import Delivery, Event
from triggers.services import generation
from triggers.services.decide import sql as decide_sql
from triggers.services.decide.answers import Answer, Planned, Question
from triggers.services.decide.changes import change_key, seen_before, words
from triggers.services.decide.cooldown import About
from triggers.services.decide.events import Maker, is_by_hand, state_at
from triggers.services.decide.items import Shelf, Slot
from triggers.services.decide.judge import Judge
from triggers.services.decide.ledger import Ledger
from triggers.services.decide.past import Seen, Stored
from triggers.services.decide.read import Reading, read_all
from triggers.services.decide.watches import Watches
from triggers.services.decide.wishes import as_wished, candidates_then, wishes_of
from triggers.services.judge import event_facts
from triggers.services.matching import Candidate, candidates, index_at, scopes_of
from triggers.sources.base import ParsedEvent
from triggers.sources.internal.order import Order

STATE_MOVING = (Origin.LIVE, Origin.BACKFILL)
"""A baseline is the first that is known of an item; a replay, a timer or a person says nothing new about it."""


@dataclass
class Plan:
    """What a batch of deliveries comes to, under one generation."""

    generation: int
    now: datetime
    readings: list[Reading]
    planned: list[Planned]
    shelf: Shelf
    ledger: Ledger
    watches: Watches
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
        self._connections = decide_sql.connections({delivery.connection_id for delivery in deliveries})
        self._readings = read_all(deliveries, self._connections)
        orders = [reading.order for reading in self._readings if reading.order is not None]
        refs = [
            (reading.delivery.connection_id, parsed.item)
            for reading in self._readings
            for parsed in reading.events
            if parsed.item is not None
        ]
        self._shelf = Shelf(refs=refs, item_ids=[order.item_id for order in orders if order.item_id], now=now)
        endpoints = decide_sql.endpoints(self._connections)
        self._maker = Maker(endpoints=endpoints, generation=self._generation, now=now)
        self._seen = seen_before(self._readings)
        self._wishes = wishes_of(deliveries)
        self._stored = Stored()
        self._seen_events: list[Seen] = []
        self._planned: list[Planned] = []
        self._questions: list[Question] = []
        self._details: dict[int, str] = {}

    def plan(self) -> Plan:
        for reading in self._readings:
            for parsed in reading.events:
                self._plan_event(reading, parsed)
        ledger, watches = self._answer_all()
        return Plan(
            generation=self._generation,
            now=self._now,
            readings=self._readings,
            planned=self._planned,
            shelf=self._shelf,
            ledger=ledger,
            watches=watches,
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
        event = self._maker.event(reading, parsed, slot)
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

    def _question(self, planned: Planned, order: Order | None) -> Question:
        event, slot = planned.event, planned.slot
        if self._only is None and event.origin == Origin.BACKFILL:
            return Question(planned, order)
        wish = self._wishes.get(event.delivery_id or 0) if self._only is None else None
        if wish is not None and wish.as_of is not None:
            facts, item = (None, None) if is_by_hand(event) else (event_facts(event), self._item_facts(event, slot))
            return Question(planned, order, facts, item, wish=wish, then=candidates_then(event, wish))
        target_id = event.target_trigger_id if self._only is None else self._only.id
        if target_id is not None and is_by_hand(event):
            return Question(planned, order, found={target_id: None}, wish=wish)
        facts, item = event_facts(event), self._item_facts(event, slot)
        if target_id is not None:
            return Question(planned, order, facts, item, {target_id: None}, len(self._seen_events), wish)
        scopes = scopes_of(connection_id=event.connection_id, item_ids=slot.ids if slot is not None else ())
        found = index_at(self._generation).match(facts, item, scopes)
        question = Question(planned, order, facts, item, dict(found), len(self._seen_events), wish)
        self._seen_events.append(Seen(event, facts, item, slot))
        return question

    def _answer_all(self) -> tuple[Ledger, Watches]:
        found = {key: revision_id for one in self._questions for key, revision_id in one.found.items()}
        known = {self._only.id: self._only} if self._only is not None else candidates(found)
        then = {key: one for asked in self._questions for key, one in asked.then.items()}
        about = [About(one.slot, one.event.accepted_at) for one in self._planned]
        ledger = Ledger.of(list((then | known).values()), about, now=self._now)
        watches = Watches(list(known.values()), self._shelf)
        judge = Judge(
            connections=self._connections,
            ledger=ledger,
            watches=watches,
            stored=self._stored,
            seen=self._seen_events,
            now=self._now,
            is_trial=self._only is not None,
        )
        for asked in self._questions:
            ones = [as_wished(known[key], asked.wish) for key in sorted(asked.found) if key in known]
            ones += [as_wished(asked.then[key], asked.wish) for key in sorted(asked.then)]
            answers = [judge.answer(one, asked) for one in ones]
            asked.planned.answers = [answer for answer in answers if answer is not None]
        return ledger, watches

    def _item_facts(self, event: Event, slot: Slot | None) -> ItemFacts | None:
        if slot is None:
            return None
        facts = slot.facts()
        if event.item_version == facts.version:
            return facts
        state, version = state_at(slot.row.pk, event.item_version)
        return replace(facts, state=state, version=version)
