"""A look at an event, and who waits for what it may find: one table for each probe of a scope.

Slots stand for triggers. A bucket is one slot, or a list of them: most have one, and there are as many buckets as
triggers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.paths import MISSING
from triggers.matching import keywords
from triggers.matching.questions import Look, Probe
from triggers.matching.readers import Read, change_reader, exact_key, normal, reader

Bucket = int | list[int]
Key = TypeVar("Key", bound=Hashable)


def put(found: list[int], bucket: Bucket) -> None:
    if isinstance(bucket, list):
        found += bucket
    else:
        found.append(bucket)


class Table(ABC, Generic[Key]):
    """Buckets by key, filled once."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.buckets: dict[Key, Bucket] = {}

    def add(self, key: Key, slot: int) -> None:
        bucket = self.buckets.get(key)
        if bucket is None:
            self.buckets[key] = slot
        elif isinstance(bucket, list):
            bucket.append(slot)
        else:
            self.buckets[key] = [bucket, slot]

    def size(self, key: Key) -> int:
        """How many wait for a key."""
        bucket = self.buckets.get(key)
        return 0 if bucket is None else len(bucket) if isinstance(bucket, list) else 1

    def building(self) -> Iterator[None]:
        """Make it ready once everybody is in, with a pause after each piece of work."""
        return iter(())

    @abstractmethod
    def collect(self, event: EventFacts, item: ItemFacts | None, found: list[int], /) -> None:
        """Add the slots of everybody who waits for what this event has."""

    def _everybody(self, found: list[int]) -> None:
        for bucket in self.buckets.values():
            put(found, bucket)


class Values(Table[Hashable]):
    """By the value at a path."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe)
        self._read: Read = reader(probe.name)
        self._case_sensitive = probe.case_sensitive

    def collect(self, event: EventFacts, item: ItemFacts | None, found: list[int], /) -> None:
        bucket = self.buckets.get(exact_key(self._read(event, item), self._case_sensitive))
        if bucket is not None:
            put(found, bucket)


class Sides(Table[Hashable]):
    """By one side of a change."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe)
        self._read = change_reader(probe.name)
        self._side = 1 if probe.look is Look.AFTER else 0

    def collect(self, event: EventFacts, _item: ItemFacts | None, found: list[int], /) -> None:
        change = self._read(event)
        if change is not None:
            bucket = self.buckets.get(exact_key(change[self._side], self.probe.case_sensitive))
            if bucket is not None:
                put(found, bucket)


class Prefixes(Table[str]):
    """By how the text at a path begins. Whoever compares text with something else is answered by an error."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe)
        self._read = reader(probe.name)
        self._lengths: list[int] = []

    def building(self) -> Iterator[None]:
        self._lengths = sorted({len(key) for key in self.buckets})
        yield

    def collect(self, event: EventFacts, item: ItemFacts | None, found: list[int], /) -> None:
        value = self._read(event, item)
        if isinstance(value, str):
            text = normal(value, self.probe.case_sensitive)
            for length in self._lengths:
                bucket = self.buckets.get(text[:length])
                if bucket is not None:
                    put(found, bucket)
        elif value is not None and value is not MISSING:
            self._everybody(found)


class Texts(Table[str]):
    """Words that are looked for in a text."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe)
        self._words = keywords.Words()
        self._in_order: list[Bucket] = []

    def building(self) -> Iterator[None]:
        self._in_order = list(self.buckets.values())
        return self._words.building(list(self.buckets))

    def _look_in(self, text: str, found: list[int]) -> None:
        for at in self._words.find(text):
            put(found, self._in_order[at])


class Words(Texts):
    """By what an event's key, headline and text hold."""

    def collect(self, event: EventFacts, _item: ItemFacts | None, found: list[int], /) -> None:
        # No word holds a NUL, so none is found across two of them; and nothing composes with one.
        text = "\0".join((event.subject, event.title, event.text))
        self._look_in(normal(text, self.probe.case_sensitive), found)


class Parts(Texts):
    """By what the text at a path holds, or is an entry of the list there. What is neither is answered by an error."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe)
        self._read = reader(probe.name)

    def collect(self, event: EventFacts, item: ItemFacts | None, found: list[int], /) -> None:
        value = self._read(event, item)
        if isinstance(value, str):
            self._look_in(normal(value, self.probe.case_sensitive), found)
        elif isinstance(value, list | tuple):
            for one in value:
                bucket = self.buckets.get(_text_key(one, self.probe.case_sensitive))
                if bucket is not None:
                    put(found, bucket)
        elif value is not None and value is not MISSING:
            self._everybody(found)


def _text_key(value: Any, case_sensitive: bool) -> str:
    # Nobody looks for the empty text.
    return normal(value, case_sensitive) if isinstance(value, str) else ""


class Kinds(Table[Hashable]):
    """By what an event is."""

    def collect(self, event: EventFacts, _item: ItemFacts | None, found: list[int], /) -> None:
        for kind in event.kinds:
            bucket = self.buckets.get(kind)
            if bucket is not None:
                put(found, bucket)


class People(Table[Hashable]):
    """By who is mentioned."""

    def collect(self, event: EventFacts, _item: ItemFacts | None, found: list[int], /) -> None:
        for named in event.mentions:
            bucket = self.buckets.get(normal(named.removeprefix("@"), self.probe.case_sensitive))
            if bucket is not None:
                put(found, bucket)


class Flags(Table[None]):
    """By something that is so or not."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe)
        self._is_so = _FLAGS[probe.look](probe.name)

    def collect(self, event: EventFacts, item: ItemFacts | None, found: list[int], /) -> None:
        if self._is_so(event, item):
            put(found, self.buckets[None])


IsSo = Callable[[EventFacts, ItemFacts | None], bool]


def _is_there(name: str) -> IsSo:
    read = reader(name)
    return lambda event, item: read(event, item) is not MISSING


def _has_changed(name: str) -> IsSo:
    read = change_reader(name)
    return lambda event, _item: read(event) is not None


_FLAGS: dict[Look, Callable[[str], IsSo]] = {
    Look.THERE: _is_there,
    Look.CHANGE: _has_changed,
    Look.MENTIONED: lambda _name: lambda event, _item: bool(event.mentions),
    Look.REPLY: lambda _name: lambda event, _item: event.is_reply,
}

KINDS_OF_TABLE: dict[Look, Callable[[Probe], Table[Any]]] = {
    Look.VALUE: Values,
    Look.BEFORE: Sides,
    Look.AFTER: Sides,
    Look.PREFIX: Prefixes,
    Look.PART: Parts,
    Look.WORDS: Words,
    Look.KIND: Kinds,
    Look.MENTION: People,
    **dict.fromkeys(_FLAGS, Flags),
}
