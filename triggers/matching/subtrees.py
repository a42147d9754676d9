"""Leaves that hold trees of conditions: what they ask of one event, so that the index finds whom an event concerns.

No other event is looked at here: whom the event alone does not refuse is a candidate. A trigger that waits for silence
is one, too, where an event arms or disarms a watch of it, whatever the rest of its conditions says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from triggers.conditions.absences import absences
from triggers.conditions.leaves import absence, sequence
from triggers.matching.leaves import shared_questions
from triggers.matching.questions import Anchor, Look, Probe, Question

UNSOUND = (KeyError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Subtree:
    """A leaf that cannot tell without other events, as far as one event decides it.

    It is a no where `tree` or one of `questions` says no. `is_end` leaves: it is a no as well where the tree holds, but
    for the event that says that a time is up.
    """

    tree: Any
    questions: tuple[Question, ...]
    is_end: bool


WATCHES = f'"{absence.LEAF.type}"'
"""Conditions in whose text this is not wait for no silence."""
IS_TIMER = Question(
    lambda event, _item: absence.is_timer(event),
    (Anchor(Probe(Look.VALUE, "event.type"), absence.ELAPSED),),
)


def subtree(node: Any) -> Subtree | None:
    """What a sequence or an absence asks of one event; None for every other leaf, and for those that are not sound."""
    if not isinstance(node, dict) or not isinstance(node.get("config", {}), dict):
        return None
    version, config = node.get("version", 1), node.get("config", {})
    # bool is an int to Python: True would find version 1.
    name = node.get("type") if version.__class__ is int and version == 1 else None
    if name not in (sequence.LEAF.type, absence.LEAF.type):
        return None
    try:
        if name == absence.LEAF.type:
            return Subtree(absence.wanted(config).after, (), is_end=True)
        then = sequence.wanted(config).then
    except UNSOUND:
        return None
    shared = shared_questions(config)
    return None if shared is None else Subtree(then, tuple(shared), is_end=False)


def watched(tree: Any) -> list[Any]:
    """The trees that arm or disarm a watch of a trigger with these conditions."""
    return [part for one in absences(tree) for part in (one.after, one.without)]
