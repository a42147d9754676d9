"""The `sequence` leaf: this event is B, and an A came within a time before it.

Which came first is the order in which events were decided; the time between them is that of their acceptance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from triggers.conditions.checks import Check, Complaint
from triggers.conditions.history import Earlier, Per
from triggers.conditions.in_common import MOST_SECONDS, value_at, wrong_with
from triggers.conditions.registry import TREE, Asked, Config, Leaf
from triggers.conditions.verdict import shown


@dataclass(frozen=True, slots=True)
class Wanted:
    """An event for which `first` holds, then, within a time, one for which `then` does. `same_by` is a path: both have
    the same value there.
    """

    first: Any
    then: Any
    within: timedelta
    per: Per
    same_by: str


def wanted(config: Config) -> Wanted:
    """What a configuration asks for. Raises KeyError, TypeError, ValueError or OverflowError where it is not sound."""
    same_by = config.get("same_by") or ""
    if not isinstance(same_by, str) or _wrong_with(same_by):
        raise TypeError("not a path")
    within = timedelta(seconds=config["within_s"])
    return Wanted(config["first"], config["then"], within, Per(config.get("per") or Per.ITEM), same_by)


def ask(asked: Asked) -> tuple[Check, ...]:
    want, then = wanted(asked.config), asked.tree("then")
    is_b = Check("then", then.holds, "this event is the second one", "", "then", below=then)
    return (is_b, _first(want, asked, is_b.holds))


def _first(want: Wanted, asked: Asked, is_b: bool | None) -> Check:
    expected = _words(asked.config)
    if is_b is False:
        return Check("first", None, expected, "", "first", "it is not looked for: this is not the second one")
    if asked.history is None:
        note = "other events are looked at only where the other conditions do not decide"
        return Check("first", None, expected, "", "first", note)
    value = value_at(want.same_by, asked.event, asked.config) if want.same_by else None
    if want.same_by and value is None:
        return Check("first", False, expected, f"{shown(want.same_by)} is not there", "first")
    found = asked.history.earlier(within=want.within, per=want.per, like=want.first)
    if found is None:
        return Check("first", False, expected, "it belongs to no item", "first")
    return _found(want, found, value, asked.config, expected)


def _found(want: Wanted, found: Earlier, value: Any, config: Config, expected: str) -> Check:
    same = [event for event in found.events if not want.same_by or value_at(want.same_by, event, config) == value]
    if same:
        return Check("first", True, expected, f"{len(same)} came", "first")
    if found.lacks:
        return Check("first", None, expected, "", "first", found.lacks)
    return Check("first", False, expected, "none came", "first")


def say(config: Config) -> str:
    return f"{config['then']}, {_words(config)}: {config['first']}"


def complain(config: Config) -> tuple[Complaint, ...]:
    wrong = _wrong_with(config.get("same_by") or "")
    return (Complaint("same_by", "bad_path", wrong),) if wrong else ()


def _wrong_with(same_by: str) -> str | None:
    return wrong_with(same_by, "what two events have in common")


def _words(config: Config) -> str:
    same = f" with the same {config['same_by']}" if config.get("same_by") else ""
    place = config.get("per") or Per.ITEM
    return shown(f"after another event{same} within {config['within_s']} s for one {place}")


LEAF = Leaf(
    type="sequence",
    version=1,
    title="One after another",
    about="something came within a time before it",
    ask=ask,
    say=say,
    complain=complain,
    consults_events=True,
    trees=("first", "then"),
    required=("first", "then", "within_s"),
    properties={
        "first": {**TREE, "title": "First"},
        "then": {**TREE, "title": "Then, this event"},
        "within_s": {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS, "title": "Within seconds"},
        "per": {"type": "string", "enum": [per.value for per in Per], "default": Per.ITEM.value, "title": "For one"},
        "same_by": {
            "type": ["string", "null"],
            "maxLength": 500,
            "format": "path",
            "title": "Same by path",
            "examples": ["data.deployment.id"],
        },
    },
)
