"""The questions of every leaf, by type and version. The answers are the leaf's own, without the reasons.

A leaf that is not here, or whose configuration is not well-formed, is asked itself each time; the property tests hold
the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from triggers.conditions.facts import ChangePath, Kind, TrustTier
from triggers.conditions.leaves import count, time_window
from triggers.conditions.shared_keys import is_case_sensitive
from triggers.matching import fields
from triggers.matching.questions import (
    Config,
    Question,
    actor_is,
    changes,
    holds_words,
    is_a,
    is_long,
    is_reply,
    is_text,
    mentions,
    side_is,
    somebody_is_mentioned,
    texts,
)


class NotWellFormed(Exception):
    """The configuration is one that validation refuses; what comes of it only the leaf itself knows."""


def questions(node: dict[str, Any]) -> list[Question] | None:
    """What a leaf asks; all of it must hold. None where the leaf itself has to be asked."""
    type_, version, config = node.get("type"), node.get("version", 1), node.get("config", {})
    # bool is an int to Python: True would find version 1.
    is_named = isinstance(type_, str) and version.__class__ is int
    own = _OWN.get((type_, version)) if is_named else None
    if own is None or not isinstance(config, dict):
        return None
    try:
        return [*own(config), *_shared(config)]
    except NotWellFormed:
        return None


def shared_questions(config: Config) -> list[Question] | None:
    """What the eight keys of a leaf ask; None where the leaf itself has to be asked."""
    try:
        return list(_shared(config))
    except NotWellFormed:
        return None


def _shared(config: Config) -> Iterator[Question]:
    case_sensitive = is_case_sensitive(config)
    for key, path, side in _SIDES:
        if config.get(key):
            yield side_is(path, side, _text(config[key]), case_sensitive)
    if config.get("from_user"):
        yield actor_is([_text(config["from_user"])], case_sensitive)
    if config.get("search_string"):
        yield holds_words([_text(config["search_string"])], case_sensitive)
    if config.get("contains_keywords"):
        yield holds_words(_texts(config["contains_keywords"]), case_sensitive)
    if config.get("min_length"):
        yield is_long(_number(config["min_length"]))


_SIDES = (
    ("from_status", ChangePath.STATUS, 0),
    ("to_status", ChangePath.STATUS, 1),
    ("new_assignee", ChangePath.ASSIGNEE, 1),
)


def _text(value: Any) -> str:
    if not is_text(value):
        raise NotWellFormed
    return value


def _texts(value: Any) -> list[str]:
    if not texts(value):
        raise NotWellFormed
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise NotWellFormed
    return value


def _nothing(_config: Config) -> list[Question]:
    return []


def _kind(kind: Kind) -> Callable[[Config], list[Question]]:
    return lambda _config: [is_a(kind)]


def _change(path: ChangePath, *sides: str) -> Callable[[Config], list[Question]]:
    """That it changes at all goes without saying where one of its sides is asked for."""
    return lambda config: [] if any(config.get(key) for key in sides) else [changes(path)]


def _priority(config: Config) -> list[Question]:
    case_sensitive = is_case_sensitive(config)
    sides = (("from_priority", 0), ("to_priority", 1))
    asked = [
        side_is(ChangePath.PRIORITY, side, _text(config[key]), case_sensitive) for key, side in sides if config.get(key)
    ]
    return asked or [changes(ChangePath.PRIORITY)]


def _mention(config: Config) -> list[Question]:
    who = config.get("who")
    return [mentions(_texts(who), is_case_sensitive(config)) if who else somebody_is_mentioned()]


def _reply(_config: Config) -> list[Question]:
    return [is_reply()]


def _sender(config: Config) -> list[Question]:
    return [actor_is(_texts(config.get("allow")), is_case_sensitive(config))]


def _tier(config: Config) -> list[Question]:
    wanted = config.get("at_least")
    if wanted not in _TIERS:
        raise NotWellFormed
    enough = frozenset(tier for tier in TrustTier if tier.rank >= TrustTier(wanted).rank)
    return [Question(lambda event, _item: event.trust_tier in enough)]


_TIERS = [tier.value for tier in TrustTier]


def _count(config: Config) -> list[Question]:
    try:
        count.wanted(config)
    except (KeyError, TypeError, ValueError, OverflowError) as wrong:
        raise NotWellFormed from wrong
    # No other event is looked at here: whom the rest does not refuse is a candidate.
    return [Question(lambda _event, _item: None)]


def _window(config: Config) -> list[Question]:
    try:
        wanted = time_window.window(config)
    except (KeyError, ValueError, OSError, TypeError) as wrong:
        raise NotWellFormed from wrong
    return [Question(lambda event, _item: event.time is not None and wanted.holds(event.time))]


def _field(config: Config) -> list[Question]:
    found = fields.question(config)
    if found is None:
        raise NotWellFormed
    return [found]


_OWN: dict[tuple[Any, Any], Callable[[Config], list[Question]]] = {
    ("status_change", 1): _change(ChangePath.STATUS, "from_status", "to_status"),
    ("assignee_change", 1): _change(ChangePath.ASSIGNEE, "new_assignee"),
    ("priority_change", 1): _priority,
    ("new_comment", 1): _kind(Kind.COMMENT),
    ("new_message", 1): _kind(Kind.MESSAGE),
    ("mention", 1): _mention,
    ("thread_reply", 1): _reply,
    ("string_match", 1): _nothing,
    ("sender", 1): _sender,
    ("trust_tier", 1): _tier,
    ("time_window", 1): _window,
    ("count", 1): _count,
    ("field", 1): _field,
}
