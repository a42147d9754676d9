"""The shapes of a plan: an event about to be stored, the question that it is to its triggers, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.leaves.absence import Wanted
from triggers.enums import FiringRole, Outcome
from triggers.models import Event, Replay
from triggers.services.decide.bounds import Work
from triggers.services.decide.items import Slot
from triggers.services.matching import Candidate
from triggers.sources.internal.order import Order


@dataclass
class Answer:
    """One trigger's answer to one event, as far as it is kept.

    One that fired joins a work that is queued already, as ``role``, or begins one of its own and may take others out of
    the queue, or cancel them wherever they are. That one has a ``backlog_turn`` where its event was old, and then does
    not start after ``expires_at``; ``gathers``: it waits for its time, with ``event_count`` events so far.
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
    role: FiringRole = FiringRole.MERGED
    displaces: list[Work] = field(default_factory=list)
    replaces: list[Work] = field(default_factory=list)
    event_count: int = 1
    gathers: bool = False
    is_apart: bool = False
    backlog_turn: int = 0
    expires_at: datetime | None = None
    counted: list[Event] | None = None
    """The other events that it rests on; None where it looked at none."""
    would_arm: tuple[Wanted, ...] = ()
    would_disarm: bool = False
    """Of a dry run: what a live event would have done beside its answer."""


@dataclass
class Planned:
    """An event about to be stored, the item it is about, and the answers to it."""

    event: Event
    slot: Slot | None
    answers: list[Answer] = field(default_factory=list)


@dataclass(frozen=True)
class Question:
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
