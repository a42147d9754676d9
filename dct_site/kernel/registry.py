"""Registries: how an upper room plugs into a lower one without being imported by it."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class UnknownKind(LookupError):
    """Nothing is registered under this kind; the message lists what is."""


class Registry(Generic[Entry]):
    """Entries by kind. A kind is registered once; registering it again with another entry is refused."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._entries: dict[str, Entry] = {}

    def register(self, kind: str, entry: Entry) -> Entry:
        if self._entries.get(kind, entry) is not entry:
            raise ValueError(f"{self.name}: {kind!r} is registered already")
        self._entries[kind] = entry
        return entry

    def get(self, kind: str) -> Entry:
        try:
            return self._entries[kind]
        except KeyError:
            known = ", ".join(sorted(self._entries)) or "nothing"
            raise UnknownKind(f"{self.name}: {kind!r} is not known; known are {known}") from None

    def __contains__(self, kind: str) -> bool:
        return kind in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def items(self) -> Iterator[tuple[str, Entry]]:
        return iter(sorted(self._entries.items()))
