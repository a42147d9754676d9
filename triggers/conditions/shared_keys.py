"""The eight configuration keys that every leaf takes, joined by AND. An empty value means "not asked".

Their names and meaning come from the design document's `TriggerCondition.config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from triggers.conditions.checks import Check
from triggers.conditions.facts import ChangePath, EventFacts, composed, folded
from triggers.conditions.verdict import shown

_TEXT: dict[str, Any] = {"type": ["string", "null"], "maxLength": 10_000}

PROPERTIES: dict[str, Any] = {
    "search_string": {**_TEXT, "title": "Text contains"},
    "case_sensitive": {"type": ["boolean", "null"], "title": "Upper and lower case differ"},
    "from_status": {**_TEXT, "title": "Status before"},
    "to_status": {**_TEXT, "title": "Status after"},
    "new_assignee": {**_TEXT, "title": "New assignee"},
    "min_length": {"type": ["integer", "null"], "minimum": 0, "maximum": 1_000_000, "title": "Characters at least"},
    "from_user": {**_TEXT, "title": "From"},
    "contains_keywords": {
        "type": ["array", "null"],
        "items": {"type": "string", "minLength": 1, "maxLength": 10_000},
        "maxItems": 10_000,
        "title": "Any of these words",
    },
}


def is_case_sensitive(config: Mapping[str, Any]) -> bool:
    return config.get("case_sensitive") is True


def alike(left: object, right: object, config: Mapping[str, Any]) -> bool:
    """Whether two names are one, by the config's `case_sensitive`. What is not text is nobody's name."""
    if not isinstance(left, str) or not isinstance(right, str):
        return False
    return composed(left) == composed(right) if is_case_sensitive(config) else folded(left) == folded(right)


def ask(config: Mapping[str, Any], event: EventFacts) -> tuple[Check, ...]:
    """A check for each of the eight keys that asks something."""
    return tuple(question(config, event) for key, question in _QUESTIONS.items() if config.get(key))


def say(config: Mapping[str, Any]) -> list[str]:
    """A phrase for each key that asks something, in words that follow "and"."""
    return [phrase(config[key]) for key, phrase in _PHRASES.items() if config.get(key)]


def _found(words: list[str], config: Mapping[str, Any], event: EventFacts) -> list[str]:
    if is_case_sensitive(config):
        return [word for word in words if any(composed(word) in text for text in event.haystacks)]
    return [word for word in words if any(folded(word) in text for text in event.folded_haystacks)]


def _search_string(config: Mapping[str, Any], event: EventFacts) -> Check:
    wanted = config["search_string"]
    holds = bool(_found([wanted], config, event))
    return Check("text contains", holds, shown(wanted), "found" if holds else "not found", "search_string")


def _contains_keywords(config: Mapping[str, Any], event: EventFacts) -> Check:
    words = config["contains_keywords"]
    found = _found(words, config, event)
    expected = f"any of {shown(', '.join(words))}"
    return Check("text contains", bool(found), expected, shown(", ".join(found) or "none of them"), "contains_keywords")


def _min_length(config: Mapping[str, Any], event: EventFacts) -> Check:
    wanted, length = config["min_length"], len(event.text.strip())
    return Check(
        "length of text", length >= wanted, f"at least {wanted} characters", f"{length} characters", "min_length"
    )


def _from_user(config: Mapping[str, Any], event: EventFacts) -> Check:
    wanted = config["from_user"]
    holds = alike(wanted, event.actor, config)
    return Check("from", holds, shown(wanted), shown(event.actor) or "nobody named", "from_user")


def _change_side(key: str, label: str, path: ChangePath, side: int) -> Callable[[Mapping[str, Any], EventFacts], Check]:
    def question(config: Mapping[str, Any], event: EventFacts) -> Check:
        wanted, change = config[key], event.change(path)
        if change is None:
            return Check(label, False, shown(wanted), f"{path.value} did not change", key)
        return Check(label, alike(wanted, change[side], config), shown(wanted), shown(change[side]), key)

    return question


_QUESTIONS: dict[str, Callable[[Mapping[str, Any], EventFacts], Check]] = {
    "search_string": _search_string,
    "from_status": _change_side("from_status", "status before", ChangePath.STATUS, 0),
    "to_status": _change_side("to_status", "status after", ChangePath.STATUS, 1),
    "new_assignee": _change_side("new_assignee", "new assignee", ChangePath.ASSIGNEE, 1),
    "min_length": _min_length,
    "from_user": _from_user,
    "contains_keywords": _contains_keywords,
}

_PHRASES: dict[str, Callable[[Any], str]] = {
    "from_status": lambda value: f"its status was {shown(value)}",
    "to_status": lambda value: f"its status becomes {shown(value)}",
    "new_assignee": lambda value: f"it is assigned to {shown(value)}",
    "from_user": lambda value: f"it comes from {shown(value)}",
    "search_string": lambda value: f"its text contains “{shown(value)}”",
    "contains_keywords": lambda value: f"its text contains any of {shown(', '.join(value))}",
    "min_length": lambda value: f"its text has at least {value} characters",
}
