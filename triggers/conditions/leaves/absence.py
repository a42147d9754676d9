"""The `absence` leaf: A came, and for a time no B.

An event for which `after` holds arms a watch of its item, one for which `without` holds disarms it. What is left when
the time is up comes back as an event of DCT's own, to this trigger alone; only of that event the leaf may hold, after
another look at what came in between.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from triggers.conditions import shared_keys
from triggers.conditions.checks import Check
from triggers.conditions.facts import EventFacts
from triggers.conditions.history import Earlier
from triggers.conditions.in_common import MOST_SECONDS
from triggers.conditions.registry import TREE, Asked, Config, Leaf
from triggers.conditions.verdict import Node, shown

ELAPSED = "dct.timer.elapsed"
"""The type of the event by which a watch comes back when its time is up."""
OWN_SOURCE = "internal"


class CountsFrom(StrEnum):
    """From which of several events that would arm it the time runs."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What arms a watch, what disarms it, and after how long its time is up. Where `restarts`, what would arm it again
    begins its time anew. `name` tells it from the other absences of a trigger; it stays as long as it means the same.
    """

    after: Any
    without: Any
    within: timedelta
    restarts: bool
    name: str

    @property
    def broken_by(self) -> Any:
        """What ends the silence."""
        return {"any": [self.without, self.after]} if self.restarts else self.without


def wanted(config: Config) -> Wanted:
    """What a configuration asks for. Raises KeyError, TypeError, ValueError or OverflowError where it is not sound."""
    after, without = _tree(config["after"]), _tree(config["without"])
    within = timedelta(seconds=config["within_s"])
    counts_from = CountsFrom(config.get("counts_from") or CountsFrom.FIRST)
    keys = {key: config[key] for key in shared_keys.PROPERTIES if config.get(key)}
    if keys:
        after = {"all": [after, {"type": "string_match", "version": 1, "config": keys}]}
    said = json.dumps([after, without, config["within_s"], counts_from], sort_keys=True)
    name = hashlib.sha256(said.encode()).hexdigest()[:32]
    return Wanted(after, without, within, counts_from is CountsFrom.LAST, name)


def is_timer(event: EventFacts) -> bool:
    """Whether the event says that the time of a watch is up. Only DCT itself can say that, or repeat it."""
    return event.type == ELAPSED and event.source == OWN_SOURCE


def ask(asked: Asked) -> tuple[Check, ...]:
    want, expected = wanted(asked.config), _words(asked.config)
    if is_timer(asked.event):
        return (_at_the_end(want, asked, expected),)
    arms = _arms(asked.tree("after"), shared_keys.ask(asked.config, asked.event))
    if arms is None:
        return (Check("absence", None, expected, "", note="whether this event arms it cannot be told"),)
    actual = "the time begins with an event such as this" if arms else "no time is up"
    return (Check("absence", False, expected, actual),)


def _at_the_end(want: Wanted, asked: Asked, expected: str) -> Check:
    if asked.history is None:
        return Check("absence", None, expected, "", note="what came in the meantime is not looked at here")
    found = asked.history.silence(watch=want.name, broken_by=want.broken_by)
    if found is None:
        return Check("absence", False, expected, "the time of another watch is up")
    return _silent(found, expected)


def _silent(found: Earlier, expected: str) -> Check:
    if found.events:
        return Check("absence", False, expected, f"{len(found.events)} came")
    if found.lacks:
        return Check("absence", None, expected, "", note=found.lacks)
    return Check("absence", True, expected, "none came")


def _arms(after: Node, keys: tuple[Check, ...]) -> bool | None:
    answers = [after.holds, *(check.holds for check in keys)]
    return False if False in answers else None if None in answers else True


def _tree(tree: Any) -> Any:
    return {"any": tree} if isinstance(tree, list) else tree


def say(config: Config) -> str:
    after = " and ".join([str(config["after"]), *shared_keys.say(config)])
    last = " after the last such event" if config.get("counts_from") == CountsFrom.LAST else ""
    return f"{after}, and for {config['within_s']} s{last} nothing of this comes: {config['without']}"


def _words(config: Config) -> str:
    return shown(f"none that ends it within {config['within_s']} s for one item")


LEAF = Leaf(
    type="absence",
    version=1,
    title="Nothing came within a time",
    about="something came, and for a time nothing that answers it",
    ask=ask,
    say=say,
    consults_events=True,
    trees=("after", "without"),
    asks_keys=False,
    required=("after", "without", "within_s"),
    properties={
        "after": {**TREE, "title": "After"},
        "without": {**TREE, "title": "Without"},
        "within_s": {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS, "title": "Within seconds"},
        "counts_from": {
            "type": "string",
            "enum": [one.value for one in CountsFrom],
            "default": CountsFrom.FIRST.value,
            "title": "Counts from",
        },
    },
)
