"""An index that changes: a large one, and beside it a small one of what changed since; now and then they are merged.

Readers take `state` once and keep it: it never changes. Nothing here is the truth: whatever is lost with a process is
read from the database again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from threading import Lock

from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.matching.index import Entry, Index
from triggers.matching.program import Programs

MERGE_FROM = 500
"""So many changes beside the large index are merged into it; to take up one more costs as much as they all."""


@dataclass(frozen=True)
class State:
    """The triggers as they stood at a generation. ``changed`` holds what the large index does not know: {trigger id:
    its entry, or None where it is gone}.
    """

    generation: int
    base: Index
    delta: Index
    changed: Mapping[int, Entry | None]

    def match(self, event: EventFacts, item: ItemFacts | None, scopes: Iterable[int]) -> list[tuple[int, int]]:
        """(trigger id, revision id), by id, of each that listens to one of these and matches, or cannot tell."""
        found = self.base.match(event, item, scopes)
        if self.changed:
            found = [hit for hit in found if hit[0] not in self.changed]
            found += self.delta.match(event, item, scopes)
        return sorted(set(found)) if len(found) > 1 else found

    def entries(self) -> Iterator[Entry]:
        for entry in self.base:
            if entry.trigger_id not in self.changed:
                yield entry
        yield from self.delta


class LiveIndex:
    """Keeps a state, replaced as a whole. Safe to use from several threads."""

    def __init__(self) -> None:
        self._programs = Programs()
        self._lock = Lock()
        self._is_merging = False
        self.state: State | None = None

    def load(self, entries: Iterable[Entry], *, generation: int) -> State:
        """Begin anew with these."""
        loaded = State(generation, Index.of(entries, self._programs), Index(self._programs), {})
        with self._lock:
            self.state = loaded
        return loaded

    def forget(self) -> None:
        """Have nothing loaded."""
        with self._lock:
            self.state = None

    def apply(self, changes: Mapping[int, Entry | None], *, generation: int) -> State:
        """Take up what changed up to a generation: {trigger id: its entry, or None where it is gone}.

        Raises RuntimeError where nothing was loaded.
        """
        with self._lock:
            if self.state is None:
                raise RuntimeError("changes to an index that was not loaded")
            if generation > self.state.generation and not changes:
                self.state = replace(self.state, generation=generation)
            elif generation > self.state.generation:
                self.state = self._with(self.state.base, {**self.state.changed, **changes}, generation)
            return self.state

    def _with(self, base: Index, changed: Mapping[int, Entry | None], generation: int) -> State:
        delta = Index.of((entry for entry in changed.values() if entry is not None), self._programs)
        return State(generation, base, delta, changed)

    def needs_merge(self) -> bool:
        state = self.state
        return state is not None and len(state.changed) >= MERGE_FROM and not self._is_merging

    def merging(self) -> Generator[None]:
        """Build a large index of everything, with pauses, and put it in place of both.

        What changes meanwhile stays beside the new one. Ends at once where another merge is under way; where it is
        given up half-way, everything stays as it is.
        """
        with self._lock:
            began = self.state
            if began is None or self._is_merging:
                return
            self._is_merging = True
        try:
            base = Index(self._programs)
            yield from base.building(began.entries())
            with self._lock:
                self._put(base, began)
        finally:
            self._is_merging = False

    def _put(self, base: Index, began: State) -> None:
        state = self.state
        if state is None or state.base is not began.base:
            # Loaded anew meanwhile.
            return
        since = {key: entry for key, entry in state.changed.items() if began.changed.get(key, _NEW) is not entry}
        self.state = self._with(base, since, state.generation)


_NEW = Entry(0, 0, (), "")
