"""The `priority_change` leaf: the item's priority becomes another one, on request from or to given values."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.facts import ChangePath
from triggers.conditions.questions import changes
from triggers.conditions.registry import Asked, Config, Leaf
from triggers.conditions.shared_keys import alike
from triggers.conditions.verdict import shown

_PRIORITY = {"type": ["string", "null"], "maxLength": 10_000}
_SIDES = (("from_priority", "priority before", 0), ("to_priority", "priority after", 1))


def ask(asked: Asked) -> tuple[Check, ...]:
    change = asked.event.change(ChangePath.PRIORITY)
    checks = [changes(asked.event, ChangePath.PRIORITY)]
    for key, label, side in _SIDES:
        if asked.config.get(key):
            holds = change is not None and alike(asked.config[key], change[side], asked.config)
            actual = "priority did not change" if change is None else shown(change[side])
            checks.append(Check(label, holds, shown(asked.config[key]), actual, key))
    return tuple(checks)


def say(config: Config) -> str:
    before, after = config.get("from_priority"), config.get("to_priority")
    from_words = f" from {shown(before)}" if before else ""
    to_words = f" to {shown(after)}" if after else ""
    return f"the priority changes{from_words}{to_words}"


LEAF = Leaf(
    type="priority_change",
    version=1,
    title="Priority changes",
    about="the priority becomes another one",
    ask=ask,
    say=say,
    properties={
        "from_priority": {**_PRIORITY, "title": "Priority before"},
        "to_priority": {**_PRIORITY, "title": "Priority after"},
    },
)
