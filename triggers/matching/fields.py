"""The `field` leaf: its question as a closure, and what an event must have for it to hold."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.leaves import field
from triggers.conditions.operators import ABOUT_CHANGE, TABLE, Operator
from triggers.conditions.paths import MISSING, split, wrong_with
from triggers.conditions.patterns import PatternError
from triggers.conditions.shared_keys import is_case_sensitive
from triggers.matching.questions import Anchor, Answer, Config, Look, Probe, Question, is_text
from triggers.matching.readers import Read, change_reader, exact_key, normal, reader

_OPERATORS = frozenset(operator.value for operator in Operator)
_PATTERNS = (Operator.MATCHES, Operator.GLOB)


def question(config: Config) -> Question | None:
    """None where the configuration is not well-formed: only the leaf itself knows what comes of that."""
    path, name = config.get("path"), config.get("operator")
    if not isinstance(path, str) or not isinstance(name, str) or name not in _OPERATORS:
        return None
    operator = Operator(name)
    if not _is_sound(operator, path, config):
        return None
    case_sensitive = is_case_sensitive(config)
    if operator in ABOUT_CHANGE:
        return _change(operator, ".".join(split(path)[1:]), config.get("value"), case_sensitive)
    return _value(operator, path, config.get("value"), case_sensitive)


def _is_sound(operator: Operator, path: str, config: Config) -> bool:
    if operator in _PATTERNS:
        # Whether it compiles is seen when it is asked: to compile thousands on a start takes seconds.
        return wrong_with(path) is None and isinstance(config.get("value"), str)
    return field.complain(config) == ()


def _value(operator: Operator, path: str, value: Any, case_sensitive: bool) -> Question | None:
    read = reader(path)
    if operator is Operator.EXISTS:
        return Question(_exists(read), (Anchor(Probe(Look.THERE, path)),))
    if operator is Operator.ABSENT:
        exists = _exists(read)
        return Question(lambda event, item: not exists(event, item))
    if operator in (Operator.EQUALS, Operator.IN):
        wanted = value if operator is Operator.IN else [value]
        keys = dict.fromkeys(exact_key(one, case_sensitive) for one in wanted)
        needs = tuple(Anchor(Probe(Look.VALUE, path, case_sensitive), key) for key in keys)
        return Question(_is_one_of(read, frozenset(keys), case_sensitive), needs, is_exact=True)
    return _tested_value(operator, path, value, case_sensitive)


def _tested_value(operator: Operator, path: str, value: Any, case_sensitive: bool) -> Question | None:
    test = TABLE[operator].test
    if test is None:
        return None
    holds = _tested(reader(path), test, value, case_sensitive)
    look = _LOOKS.get(operator)
    if look is None or not is_text(value):
        # Whatever is asked of it, a missing value does not answer.
        return Question(holds, (Anchor(Probe(Look.THERE, path)),))
    key = exact_key(value, case_sensitive)
    return Question(holds, (Anchor(Probe(look, path, case_sensitive), key),), is_exact=True)


_LOOKS = {Operator.PREFIX: Look.PREFIX, Operator.CONTAINS: Look.PART}


def _exists(read: Read) -> Answer:
    return lambda event, item: (found := read(event, item)) is not MISSING and found is not None


def _is_one_of(read: Read, keys: frozenset[Hashable], case_sensitive: bool) -> Answer:
    def holds(event: EventFacts, item: ItemFacts | None) -> bool:
        found = read(event, item)
        if found.__class__ is str:
            return (found.lower() if not case_sensitive and found.isascii() else normal(found, case_sensitive)) in keys
        return exact_key(found, case_sensitive) in keys

    return holds


def _tested(read: Read, test: Callable[[Any, Any, bool], bool | str], value: Any, case_sensitive: bool) -> Answer:
    def holds(event: EventFacts, item: ItemFacts | None) -> bool | None:
        found = read(event, item)
        if found is MISSING:
            return False
        try:
            told = test(found, value, case_sensitive)
        except PatternError:
            return None
        return None if isinstance(told, str) else told

    return holds


def _change(operator: Operator, name: str, value: Any, case_sensitive: bool) -> Question:
    read = change_reader(name)
    changed = (Anchor(Probe(Look.CHANGE, name)),)
    if operator is Operator.CHANGED:
        return Question(lambda event, _item: read(event) is not None, changed, is_exact=True)
    if operator is Operator.UNCHANGED:
        return Question(lambda event, _item: read(event) is None)
    side = 0 if operator is Operator.CHANGED_FROM else 1
    key = exact_key(value, case_sensitive)

    def holds(event: EventFacts, _item: ItemFacts | None) -> bool:
        change = read(event)
        return change is not None and exact_key(change[side], case_sensitive) == key

    probe = Probe(Look.AFTER if side else Look.BEFORE, name, case_sensitive)
    return Question(holds, (Anchor(probe, key),), is_exact=True)
