"""The `assignee_change` leaf: the item is given to somebody else. `new_assignee` narrows it."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.facts import ChangePath
from triggers.conditions.questions import changes
from triggers.conditions.registry import Asked, Leaf


def ask(asked: Asked) -> tuple[Check, ...]:
    return (changes(asked.event, ChangePath.ASSIGNEE),)


LEAF = Leaf(
    type="assignee_change",
    version=1,
    title="Assignee changes",
    about="the assignee becomes another one",
    ask=ask,
    says="the assignee changes",
)
