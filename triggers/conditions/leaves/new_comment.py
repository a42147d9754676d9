"""The `new_comment` leaf: somebody comments on the item."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.facts import Kind
from triggers.conditions.questions import is_a
from triggers.conditions.registry import Asked, Leaf


def ask(asked: Asked) -> tuple[Check, ...]:
    return (is_a(asked.event, Kind.COMMENT),)


LEAF = Leaf(
    type="new_comment",
    version=1,
    title="New comment",
    about="somebody comments on the item",
    ask=ask,
    says="there is a new comment",
)
