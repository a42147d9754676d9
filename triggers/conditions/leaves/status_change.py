"""The `status_change` leaf: the item's status becomes another one. `from_status` and `to_status` narrow it."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.facts import ChangePath
from triggers.conditions.questions import changes
from triggers.conditions.registry import Asked, Leaf


def ask(asked: Asked) -> tuple[Check, ...]:
    return (changes(asked.event, ChangePath.STATUS),)


LEAF = Leaf(
    type="status_change",
    version=1,
    title="Status changes",
    about="the status becomes another one; before and after narrow it",
    ask=ask,
    says="the status changes",
)
