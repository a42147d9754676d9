"""The `field` leaf: one dotted path into the facts, one operator, one value."""

from __future__ import annotations

from typing import Any

from triggers.conditions import paths, patterns
from triggers.conditions.checks import Check, Complaint
from triggers.conditions.facts import EventFacts
from triggers.conditions.operators import (
    ABOUT_CHANGE,
    TABLE,
    Argument,
    Operator,
    are_in_order,
    bound,
    equal,
    network,
    words,
)
from triggers.conditions.paths import MISSING
from triggers.conditions.registry import Asked, Config, Leaf
from triggers.conditions.shared_keys import is_case_sensitive
from triggers.conditions.verdict import shown

NO_CHANGE = "did not change"


def ask(asked: Asked) -> tuple[Check, ...]:
    operator, path, value = Operator(asked.config["operator"]), asked.config["path"], asked.config.get("value")
    if operator in ABOUT_CHANGE:
        changed, actual = _change(operator, path, value, asked.config, asked.event)
        return (Check(shown(path), changed, words(operator, value), actual, "path"),)
    found = paths.look_up(path, asked.event, asked.item)
    holds, actual, note = _answer(operator, found, value, asked.config)
    return (Check(shown(path), holds, words(operator, value), actual, "path", note),)


def _answer(operator: Operator, found: Any, value: Any, config: Config) -> tuple[bool | None, str, str]:
    there = found is not MISSING and found is not None
    actual = MISSING.value if found is MISSING else shown(found)
    if operator is Operator.EXISTS:
        return there, actual, ""
    if operator is Operator.ABSENT:
        return not there, actual, ""
    test = TABLE[operator].test
    # A missing field never holds, under not_equals neither: a mistyped path would match every event.
    if found is MISSING or test is None:
        return False, actual, ""
    answer = test(found, value, is_case_sensitive(config))
    return (None, actual, f"{shown(config['path'])} {answer}") if isinstance(answer, str) else (answer, actual, "")


def _change(operator: Operator, path: str, value: Any, config: Config, event: EventFacts) -> tuple[bool, str]:
    change = paths.change_at(path, event)
    if change is None:
        return operator is Operator.UNCHANGED, NO_CHANGE
    before, after = change
    sides = {Operator.CHANGED_FROM: before, Operator.CHANGED_TO: after}
    holds = operator is Operator.CHANGED
    if operator in sides:
        holds = equal(sides[operator], value, is_case_sensitive(config))
    return holds, f"{shown(before)} → {shown(after)}"


def say(config: Config) -> str:
    return f"{shown(config['path'])} {words(Operator(config['operator']), config.get('value'))}"


def complain(config: Config) -> tuple[Complaint, ...]:
    operator, path = Operator(config["operator"]), config["path"]
    wrong = paths.wrong_with(path)
    if wrong is not None:
        return (Complaint("path", "bad_path", wrong),)
    if operator in ABOUT_CHANGE and not path.startswith("changes."):
        message = f"must begin with changes. for “{operator}”, such as changes.status."
        return (Complaint("path", "bad_path", message),)
    return _complain_about_value(operator, config)


def _complain_about_value(operator: Operator, config: Config) -> tuple[Complaint, ...]:
    argument = TABLE[operator].argument
    value: Any = config.get("value")
    if argument is Argument.NOTHING:
        if "value" in config:
            return (Complaint("value", "unknown_key", f"must be removed; “{operator}” takes none."),)
        return ()
    if "value" not in config:
        return (Complaint("value", "required", f"is required for “{operator}”."),)
    fits, asked = _EXPECTED[argument]
    if not fits(value):
        return (Complaint("value", "wrong_type", f"must be {asked} for “{operator}”."),)
    if argument is Argument.BOUNDS and not are_in_order(value[0], value[1]):
        return (Complaint("value", "wrong_order", "must have the smaller of the two first."),)
    return _complain_about_pattern(operator, value)


def _complain_about_pattern(operator: Operator, value: Any) -> tuple[Complaint, ...]:
    check = {Operator.MATCHES: patterns.check_pattern, Operator.GLOB: patterns.check_glob}.get(operator)
    if check is None:
        return ()
    try:
        check(value)
    except patterns.PatternError as wrong:
        return (Complaint("value", "bad_pattern", str(wrong)),)
    return ()


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _is_part(value: Any) -> bool:
    # Every text contains the empty one.
    return _is_scalar(value) and value != ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(_is_scalar(one) for one in value)


def _is_bound(value: Any) -> bool:
    return bound(value) is not None


def _are_bounds(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_bound(one) for one in value):
        return False
    return isinstance(value[0], str) == isinstance(value[1], str)


def _are_networks(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(network(one) is not None for one in value)


_EXPECTED = {
    Argument.SCALAR: (_is_scalar, "text, a number, true, false or null"),
    Argument.PART: (_is_part, "text that is not empty, a number, true, false or null"),
    Argument.TEXT: (_is_text, "text that is not empty"),
    Argument.LIST: (_is_list, "a list of at least one text, number, true, false or null"),
    Argument.BOUND: (_is_bound, "a number, or a date and time such as 2026-11-20T09:00:00Z"),
    Argument.BOUNDS: (_are_bounds, "a list of two numbers, or of two dates"),
    Argument.NETWORKS: (_are_networks, "a list of at least one network such as 10.0.0.0/8 or 2001:db8::/32"),
}

LEAF = Leaf(
    type="field",
    version=1,
    title="A field",
    about="a value in the event or its item is as asked",
    ask=ask,
    say=say,
    complain=complain,
    required=("path", "operator"),
    properties={
        "path": {
            "type": "string",
            "minLength": 1,
            "format": "path",
            "title": "Path",
            "examples": ["data.pull_request.base.ref"],
        },
        "operator": {"type": "string", "enum": [operator.value for operator in Operator], "title": "Operator"},
        "value": {"title": "Value", "description": '42 is a number, "42" in quotes is text.'},
    },
)
