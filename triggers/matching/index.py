"""The index: which triggers of a set an event concerns. Built once, then only read; `live` adds what changes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.matching.anchors import needed, needed_to_ask
from triggers.matching.program import Programs, tree_of
from triggers.matching.questions import Anchor, Look, Probe
from triggers.matching.subtrees import WATCHES
from triggers.matching.tables import KINDS_OF_TABLE, Table

FEW = 4
"""Up to so many triggers of a scope are simply asked: to look for them costs as much."""
SLICE = 100
"""Triggers between two pauses of a build: a few ms."""


class Entry(NamedTuple):
    """One trigger. `scopes`: what it listens to, see `item_scope` and `connection_scope`; `conditions`: JSON."""

    trigger_id: int
    revision_id: int
    scopes: tuple[int, ...]
    conditions: str


def item_scope(item_id: int) -> int:
    return item_id


def connection_scope(connection_id: int) -> int:
    """Negative, so that it is no item's: there is one number for each, for there are as many as triggers."""
    return -connection_id


class Index:
    """Entries, and the ways to them from an event. A slot is the place of an entry."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._trigger_ids = array("q")
        self._revision_ids = array("q")
        self._scopes: list[tuple[int, ...]] = []
        self._conditions: list[str] = []
        self._by_scope: dict[int, tuple[int, ...] | Scope] = {}

    @classmethod
    def of(cls, entries: Iterable[Entry], programs: Programs) -> Index:
        """An index, built at once."""
        index = cls(programs)
        for _ in index.building(entries):
            pass
        return index

    def building(self, entries: Iterable[Entry]) -> Iterator[None]:
        """Build, with pauses; to be used after the last one. A trigger may be among `entries` once."""
        waiting: dict[int, list[int]] = {}
        for slot, entry in enumerate(entries):
            self._trigger_ids.append(entry.trigger_id)
            self._revision_ids.append(entry.revision_id)
            self._scopes.append(entry.scopes)
            self._conditions.append(entry.conditions)
            for scope in entry.scopes:
                waiting.setdefault(scope, []).append(slot)
            if slot % SLICE == 0:
                yield
        for number, (scope, slots) in enumerate(waiting.items()):
            if len(slots) <= FEW:
                self._by_scope[scope] = tuple(~slot for slot in slots)
            else:
                built = self._by_scope[scope] = Scope()
                yield from built.building((slot, self._conditions[slot]) for slot in slots)
            if number % SLICE == 0:
                yield

    def __len__(self) -> int:
        return len(self._conditions)

    def __iter__(self) -> Iterator[Entry]:
        columns = (self._trigger_ids, self._revision_ids, self._scopes, self._conditions)
        return map(Entry, *columns)

    def match(self, event: EventFacts, item: ItemFacts | None, scopes: Iterable[int]) -> list[tuple[int, int]]:
        """(trigger id, revision id) of each that listens to one of these scopes and is concerned, or cannot tell.

        In no order; one that is found by several scopes may be there several times.
        """
        found: list[int] = []
        for scope in scopes:
            waiting = self._by_scope.get(scope)
            if waiting is None:
                continue
            if isinstance(waiting, tuple):
                found += waiting
            else:
                waiting.collect(event, item, found)
        hits = []
        for slot in found:
            at = slot if slot >= 0 else ~slot
            # An inverted slot is only a candidate.
            if slot >= 0 or self._programs.get(self._conditions[at])(event, item) is not False:
                hits.append((self._trigger_ids[at], self._revision_ids[at]))
        return hits


class Scope:
    """Everybody who listens to one thing, when they are many: by the cheapest anchors of each."""

    def __init__(self) -> None:
        self._tables: dict[Probe, Table[Any]] = {}
        self._in_order: tuple[Table[Any], ...] = ()
        self._always: list[int] = []

    def building(self, waiting: Iterable[tuple[int, str]]) -> Iterator[None]:
        for number, (slot, conditions) in enumerate(waiting):
            self._add(slot, conditions)
            if number % SLICE == 0:
                yield
        for table in self._tables.values():
            yield from table.building()
        self._in_order = tuple(self._tables.values())

    def _add(self, slot: int, conditions: str) -> None:
        tree = tree_of(conditions)
        # Most wait for no silence, and to look for that in a tree takes as long as to find its anchors.
        found = needed_to_ask(tree, self._cost) if WATCHES in conditions else needed(tree, self._cost)
        if found is None:
            self._always.append(~slot)
            return
        for probe, key in found.anchors:
            table = self._tables.get(probe)
            if table is None:
                table = self._tables[probe] = KINDS_OF_TABLE[probe.look](probe)
            table.add(key, slot if found.is_exact else ~slot)

    def _cost(self, anchors: Sequence[Anchor]) -> float:
        return max((self._cost_of(anchor) for anchor in anchors), default=0.0)

    def _cost_of(self, anchor: Anchor) -> float:
        """What is known beforehand of how many events have it, and how many wait for it already."""
        table = self._tables.get(anchor.probe)
        return _weight(anchor) + (table.size(anchor.key) if table is not None else 0)

    def collect(self, event: EventFacts, item: ItemFacts | None, found: list[int]) -> None:
        found += self._always
        for table in self._in_order:
            table.collect(event, item, found)


def _weight(anchor: Anchor) -> float:
    probe, key = anchor
    if probe.look is Look.WORDS or probe.look is Look.PART:
        return 1.0 if isinstance(key, str) and len(key) > 2 else 20.0
    if probe.look is Look.VALUE and probe.name in _COMMON_PATHS:
        return 3.0
    return _WEIGHTS[probe.look]


_COMMON_PATHS = frozenset({"event.source", "event.type", "event.origin", "event.trust_tier", "event.is_reply"})
_WEIGHTS = {
    Look.VALUE: 0.0,
    Look.MENTION: 0.0,
    Look.BEFORE: 1.0,
    Look.AFTER: 1.0,
    Look.PREFIX: 2.0,
    Look.KIND: 4.0,
    Look.CHANGE: 4.0,
    Look.MENTIONED: 4.0,
    Look.REPLY: 4.0,
    Look.THERE: 6.0,
}
