"""The `new_message` leaf: a mail or chat message arrives."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.facts import Kind
from triggers.conditions.questions import is_a
from triggers.conditions.registry import Asked, Leaf


def ask(asked: Asked) -> tuple[Check, ...]:
    return (is_a(asked.event, Kind.MESSAGE),)


LEAF = Leaf(
    type="new_message",
    version=1,
    title="New message",
    about="a mail or chat message arrives",
    ask=ask,
    says="there is a new message",
)
