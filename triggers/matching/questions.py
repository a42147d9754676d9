"""One question of a condition: a closure that answers it, and the anchors without which it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeGuard

from triggers.conditions.facts import ChangePath, EventFacts, ItemFacts, Kind
from triggers.matching.readers import change_reader, normal

Answer = Callable[[EventFacts, ItemFacts | None], bool | None]
"""Holds, does not hold, or None: nobody can tell."""


class Look(StrEnum):
    """Where an anchor is looked for."""

    VALUE = "value"  # the value at a path equals the key
    PREFIX = "prefix"  # the text at a path begins with it
    PART = "part"  # the text at a path holds it, or the list does
    THERE = "there"  # something is at a path
    BEFORE = "before"  # a change's value before equals the key
    AFTER = "after"
    CHANGE = "change"  # that changed at all
    WORDS = "words"  # key, headline or text hold it
    KIND = "kind"
    MENTION = "mention"
    MENTIONED = "mentioned"  # anybody is
    REPLY = "reply"


class Probe(NamedTuple):
    """One look at an event; all triggers that need the same look share it."""

    look: Look
    name: str = ""
    case_sensitive: bool = False


class Anchor(NamedTuple):
    """What an event has or has not. `key` is in the form that the probe compares; None where it looks for no value."""

    probe: Probe
    key: Hashable = None


class Question(NamedTuple):
    """`needs`: the question does not hold, and is no error, unless the event has one of these; None: no such thing is
    known. `is_exact`: having one is enough as well.
    """

    holds: Answer
    needs: tuple[Anchor, ...] | None = None
    is_exact: bool = False


def texts(values: Any) -> TypeGuard[list[str]]:
    """Whether this is a list of texts that can be looked for: UTF-8 can hold them, and none has a NUL."""
    return isinstance(values, list) and all(is_text(value) for value in values)


def is_text(value: Any) -> TypeGuard[str]:
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def changes(path: ChangePath) -> Question:
    """The event changes `path`."""
    read = change_reader(path.value)
    return Question(
        lambda event, _item: read(event) is not None, (Anchor(Probe(Look.CHANGE, path.value)),), is_exact=True
    )


def side_is(path: ChangePath, side: int, wanted: str, case_sensitive: bool) -> Question:
    """A change of `path` begins (0) or ends (1) with this text."""
    read, key = change_reader(path.value), normal(wanted, case_sensitive)

    def holds(event: EventFacts, _item: ItemFacts | None) -> bool:
        change = read(event)
        if change is None:
            return False
        value = change[side]
        return value == wanted or (isinstance(value, str) and normal(value, case_sensitive) == key)

    probe = Probe(Look.AFTER if side else Look.BEFORE, path.value, case_sensitive)
    return Question(holds, (Anchor(probe, key),), is_exact=True)


def is_a(kind: Kind) -> Question:
    """The event is of this kind."""
    return Question(lambda event, _item: kind in event.kinds, (Anchor(Probe(Look.KIND), kind.value),), is_exact=True)


def actor_is(wanted: Iterable[str], case_sensitive: bool) -> Question:
    """The actor is one of these."""
    keys = frozenset(normal(one, case_sensitive) for one in wanted)
    probe = Probe(Look.VALUE, "event.actor", case_sensitive)
    return Question(
        lambda event, _item: normal(event.actor, case_sensitive) in keys,
        tuple(Anchor(probe, key) for key in keys),
        is_exact=True,
    )


def holds_words(wanted: Iterable[str], case_sensitive: bool) -> Question:
    """The event's key, headline or text holds one of these."""
    keys = tuple({normal(one, case_sensitive): None for one in wanted})

    def holds(event: EventFacts, _item: ItemFacts | None) -> bool:
        haystacks = event.haystacks if case_sensitive else event.folded_haystacks
        return any(key in text for key in keys for text in haystacks)

    if not all(keys):
        # Every text holds the empty one.
        return Question(holds)
    probe = Probe(Look.WORDS, case_sensitive=case_sensitive)
    return Question(holds, tuple(Anchor(probe, key) for key in keys), is_exact=True)


def mentions(wanted: Iterable[str], case_sensitive: bool) -> Question:
    """One of these people is named."""
    keys = frozenset(normal(one.removeprefix("@"), case_sensitive) for one in wanted)
    probe = Probe(Look.MENTION, case_sensitive=case_sensitive)
    return Question(
        lambda event, _item: any(normal(one.removeprefix("@"), case_sensitive) in keys for one in event.mentions),
        tuple(Anchor(probe, key) for key in keys),
        is_exact=True,
    )


def somebody_is_mentioned() -> Question:
    return Question(lambda event, _item: bool(event.mentions), (Anchor(Probe(Look.MENTIONED)),), is_exact=True)


def is_reply() -> Question:
    return Question(lambda event, _item: event.is_reply, (Anchor(Probe(Look.REPLY)),), is_exact=True)


def is_long(least: int) -> Question:
    return Question(lambda event, _item: len(event.text.strip()) >= least)


Config = Mapping[str, Any]
