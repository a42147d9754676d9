"""The `count` leaf: so many events like this one within a time, this one included.

"Like this" are those of the same item, or connection, to which the rest of the trigger's conditions did not say no.
Without a history nobody can tell, which is how an event is asked first: where the rest decides alone, no other event
is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from triggers.conditions.checks import Check, Complaint
from triggers.conditions.facts import EventFacts
from triggers.conditions.history import Earlier, Per
from triggers.conditions.in_common import MOST_SECONDS, value_at, wrong_with
from triggers.conditions.registry import Asked, Config, Leaf
from triggers.conditions.verdict import shown

MOST = 1_000
"""Of one item or connection the newest events so many are looked at; beyond them nobody can tell."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """So many within a time. `distinct` is a path: events with the same value there are one, without a value none."""

    at_least: int
    within: timedelta
    per: Per
    distinct: str


def wanted(config: Config) -> Wanted:
    """What a configuration asks for. Raises KeyError, TypeError, ValueError or OverflowError where it is not sound."""
    distinct = config.get("distinct") or ""
    if not isinstance(config["at_least"], int) or not isinstance(distinct, str) or _wrong_with(distinct):
        raise TypeError("not a count")
    within = timedelta(seconds=config["within_s"])
    return Wanted(config["at_least"], within, Per(config.get("per") or Per.ITEM), distinct)


def ask(asked: Asked) -> tuple[Check, ...]:
    want, expected = wanted(asked.config), _words(asked.config)
    if asked.history is None:
        note = "other events are counted only where the other conditions do not decide"
        return (Check("count", None, expected, "", note=note),)
    found = asked.history.earlier(within=want.within, per=want.per)
    if found is None:
        return (Check("count", False, expected, "it belongs to no item"),)
    return (_counted(want, found, asked, expected),)


def _counted(want: Wanted, found: Earlier, asked: Asked, expected: str) -> Check:
    events = (asked.event, *found.events)
    number = len(_values(events, want.distinct, asked.config)) if want.distinct else len(events)
    if number < want.at_least and found.lacks:
        return Check("count", None, expected, str(number), note=found.lacks)
    return Check("count", number >= want.at_least, expected, str(number))


def _values(events: tuple[EventFacts, ...], path: str, config: Config) -> set[Any]:
    return {value_at(path, event, config) for event in events} - {None}


def say(config: Config) -> str:
    return f"it happens {_words(config)}"


def complain(config: Config) -> tuple[Complaint, ...]:
    wrong = _wrong_with(config.get("distinct") or "")
    return (Complaint("distinct", "bad_path", wrong),) if wrong else ()


def _wrong_with(distinct: str) -> str | None:
    return wrong_with(distinct, "what differs")


def _words(config: Config) -> str:
    distinct = f" with different {config['distinct']}" if config.get("distinct") else ""
    place = config.get("per") or Per.ITEM
    return shown(f"at least {config['at_least']} times{distinct} in {config['within_s']} s for one {place}")


LEAF = Leaf(
    type="count",
    version=1,
    title="So many within a time",
    about="so many events like this one came within a time",
    ask=ask,
    say=say,
    complain=complain,
    consults_events=True,
    required=("at_least", "within_s"),
    properties={
        "at_least": {"type": "integer", "minimum": 2, "maximum": MOST, "title": "Times at least"},
        "within_s": {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS, "title": "Within seconds"},
        "per": {"type": "string", "enum": [per.value for per in Per], "default": Per.ITEM.value, "title": "For one"},
        "distinct": {
            "type": ["string", "null"],
            "maxLength": 500,
            "format": "path",
            "title": "Different by path",
            "examples": ["event.actor"],
        },
    },
)
