"""What a leaf is, and the table of leaves by type and version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator

from triggers.conditions import shared_keys
from triggers.conditions.checks import Check, Complaint
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.history import History
from triggers.conditions.verdict import Node

Config = Mapping[str, Any]
TREE: Mapping[str, Any] = {"type": ["object", "array"]}
"""The shape of a tree of conditions inside a configuration; `validate` walks through it as through the one around."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a leaf looks at: its configuration, the event, and the item as it was before; the events before, if any.

    `below` asks the tree of conditions under a key of the configuration about the event alone.
    """

    config: Config
    event: EventFacts
    item: ItemFacts | None
    history: History | None = None
    below: Callable[[str], Node] | None = None

    def tree(self, key: str) -> Node:
        """What the tree under `key` says. Raises KeyError where it is not there."""
        if self.below is None:
            raise KeyError(key)
        return self.below(key)


@dataclass(frozen=True)
class Leaf:
    """A condition's type: its configuration's schema, its question and its words.

    A leaf is versioned and never changed in place: a stored trigger must mean tomorrow what it meant when it was
    published. `properties` are JSON-schema properties beside the eight keys that every leaf takes. `ask` returns the
    checks that must all hold; the eight keys are added to them. `says` or `say` is the question as a clause; `complain`
    finds what a schema cannot. `about` says when it holds, to somebody who chooses among the types. `consults_events`:
    without a history it cannot tell.

    `trees` are keys that hold trees of conditions about one event; to `say` they come as words. `asks_keys`: the eight
    keys are asked of the event; where not, the leaf asks them of what it waits for, and says them.
    """

    type: str
    version: int
    title: str
    about: str = ""
    ask: Callable[[Asked], tuple[Check, ...]] | None = None
    says: str = ""
    say: Callable[[Config], str] | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    complain: Callable[[Config], tuple[Complaint, ...]] | None = None
    consults_events: bool = False
    trees: tuple[str, ...] = ()
    asks_keys: bool = True

    def checks(self, asked: Asked) -> tuple[Check, ...]:
        """Everything that must hold: the leaf's own checks, then the eight keys'. Empty when nothing is asked."""
        own = self.ask(asked) if self.ask else ()
        return (*own, *shared_keys.ask(asked.config, asked.event)) if self.asks_keys else own

    def words(self, config: Config) -> str:
        """The leaf and its configuration as a clause: "the status changes and its status becomes open"."""
        own = self.say(config) if self.say else self.says
        keys = shared_keys.say(config) if self.asks_keys else ()
        return " and ".join(part for part in (own, *keys) if part)

    def complaints(self, config: Config) -> tuple[Complaint, ...]:
        """What is wrong with a configuration that its schema accepts."""
        return self.complain(config) if self.complain else ()

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema (draft 2020-12) of `config`."""
        return {
            "type": "object",
            "title": self.title,
            "properties": {**self.properties, **shared_keys.PROPERTIES},
            "required": list(self.required),
            "additionalProperties": False,
        }

    @cached_property
    def validator(self) -> Draft202012Validator:
        return Draft202012Validator(self.schema)


class Leaves:
    """The leaves that this version of DCT knows."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, int], Leaf] = {}

    def register(self, leaf: Leaf) -> None:
        """Raises ValueError when the type and version are taken: a leaf would silently change its meaning."""
        name = (leaf.type, leaf.version)
        if name in self._by_name:
            raise ValueError(f"{leaf.type} version {leaf.version} is registered twice.")
        self._by_name[name] = leaf

    def find(self, type_: object, version: object = 1) -> Leaf | None:
        # bool is an int to Python: True would find version 1.
        if not isinstance(type_, str) or not isinstance(version, int) or isinstance(version, bool):
            return None
        return self._by_name.get((type_, version))

    def types(self) -> tuple[str, ...]:
        return tuple(sorted({type_ for type_, _ in self._by_name}))

    def versions(self, type_: str) -> tuple[int, ...]:
        return tuple(sorted(version for known, version in self._by_name if known == type_))

    def __iter__(self) -> Iterator[Leaf]:
        return iter(self._by_name.values())
