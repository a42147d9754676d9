"""An index that changes finds at every moment what the naive scan over the triggers of that moment finds."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.conditions.facts_for_tests import leaf, make_event
from tests.triggers.matching.worlds import EVENTS, ITEMS, SCOPES, TREES, entry, naive
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.matching import live
from triggers.matching.index import Entry, Index, connection_scope, item_scope
from triggers.matching.live import LiveIndex, State

pytestmark = pytest.mark.one_pass

HERE = (connection_scope(1),)
ANYTHING = leaf("trust_tier", at_least="open")

EDITS = st.one_of(
    # Published, once more or for the first time; paused ones stay in, so pausing is an edit with the same content.
    st.tuples(st.just("put"), st.integers(1, 8), SCOPES, TREES),
    st.tuples(st.just("gone"), st.integers(1, 8)),
    st.tuples(st.just("merge begins")),
    st.tuples(st.just("merge goes on")),
    st.tuples(st.just("merge ends")),
    st.tuples(st.just("merge is given up")),
    st.tuples(st.just("loaded anew")),
)


@given(
    first=st.lists(st.tuples(SCOPES, TREES), max_size=8),
    edits=st.lists(EDITS, max_size=12),
    event=EVENTS,
    item=ITEMS,
    scopes=SCOPES,
)
@settings(max_examples=100)
def test_after_any_edits_and_merges_the_answer_is_the_naive_one(
    first: list[tuple[tuple[int, ...], Any]],
    edits: list[tuple[Any, ...]],
    event: EventFacts,
    item: ItemFacts | None,
    scopes: tuple[int, ...],
) -> None:
    stand = {number: entry(number, where, tree) for number, (where, tree) in enumerate(first, 1)}
    index = LiveIndex()
    merge = index.merging()
    state = index.load(stand.values(), generation=1)
    for generation, (what, *given_) in enumerate(edits, 2):
        if what == "put":
            number, where, tree = given_
            stand[number] = entry(number, where, tree, revision_id=100 + generation)
            state = index.apply({number: stand[number]}, generation=generation)
        elif what == "gone":
            stand.pop(given_[0], None)
            state = index.apply({given_[0]: None}, generation=generation)
        elif what == "loaded anew":
            state = index.load(list(stand.values()), generation=generation)
        else:
            merge = _merged(what, index, merge)
            state = index.state or state
        assert sorted(state.entries()) == sorted(stand.values())
        assert state.match(event, item, scopes) == naive(stand.values(), event, item, scopes)


def _merged(what: str, index: LiveIndex, merge: Generator[None]) -> Generator[None]:
    if what in ("merge begins", "merge is given up"):
        merge.close()
        merge = index.merging()
        if what == "merge is given up":
            merge.close()
    next(merge, None)
    if what == "merge ends":
        for _ in merge:
            pass
    return merge


def loaded(count: int = 3) -> tuple[LiveIndex, State]:
    index = LiveIndex()
    return index, index.load([entry(at, HERE, ANYTHING) for at in range(1, count + 1)], generation=1)


def hits(state: State | None) -> list[tuple[int, int]]:
    assert state is not None
    return state.match(make_event(), None, HERE)


def test_a_reader_keeps_what_it_took() -> None:
    index, before = loaded()
    after = index.apply({2: None}, generation=2)
    assert hits(before) == [(1, 10), (2, 20), (3, 30)]
    assert hits(after) == [(1, 10), (3, 30)]


def test_a_trigger_that_listens_twice_is_found_once() -> None:
    scopes = (item_scope(1), item_scope(2), connection_scope(3))
    state = LiveIndex().load([entry(1, scopes, ANYTHING, revision_id=77)], generation=1)
    assert state.match(make_event(), None, scopes) == [(1, 77)]


def test_what_is_older_than_the_state_changes_nothing() -> None:
    """Two threads may bring their changes in the wrong order."""
    index, _ = loaded()
    index.apply({1: entry(1, HERE, ANYTHING, revision_id=12)}, generation=3)
    state = index.apply({1: entry(1, HERE, ANYTHING, revision_id=11)}, generation=2)
    assert hits(state) == [(1, 12), (2, 20), (3, 30)]
    assert state.generation == 3


def test_changes_need_an_index_that_is_loaded() -> None:
    with pytest.raises(RuntimeError):
        LiveIndex().apply({}, generation=1)
    assert list(LiveIndex().merging()) == []
    assert not LiveIndex().needs_merge()


def test_many_changes_ask_for_a_merge_and_one_merge_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MERGE_FROM", 2)
    index, _ = loaded()
    index.apply({1: None}, generation=2)
    assert not index.needs_merge()
    index.apply({4: entry(4, HERE, ANYTHING)}, generation=3)
    assert index.needs_merge()
    merge = index.merging()
    next(merge)
    assert not index.needs_merge()
    assert list(index.merging()) == []
    list(merge)
    assert not index.needs_merge()
    assert index.state is not None
    assert index.state.changed == {}
    assert hits(index.state) == [(2, 20), (3, 30), (4, 40)]


def test_what_changes_during_a_merge_stays_beside_it() -> None:
    index, _ = loaded()
    index.apply({1: entry(1, HERE, ANYTHING, revision_id=11), 3: None}, generation=2)
    merge = index.merging()
    next(merge)
    index.apply({1: entry(1, HERE, ANYTHING, revision_id=12), 2: None}, generation=3)
    list(merge)
    assert index.state is not None
    assert set(index.state.changed) == {1, 2}
    assert hits(index.state) == [(1, 12)]
    assert index.state.generation == 3


def test_a_merge_that_fails_loses_nothing_and_the_next_one_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    index, _ = loaded()
    index.apply({1: None}, generation=2)
    building = Index.building

    def failing(self: Index, entries: Any) -> Iterator[None]:
        yield from building(self, list(entries)[:1])
        raise MemoryError

    monkeypatch.setattr(Index, "building", failing)
    with pytest.raises(MemoryError):
        list(index.merging())
    monkeypatch.setattr(Index, "building", building)
    assert hits(index.state) == [(2, 20), (3, 30)]
    list(index.merging())
    assert index.state is not None
    assert index.state.changed == {}
    assert hits(index.state) == [(2, 20), (3, 30)]


def test_one_change_is_taken_up_without_touching_the_large_index(monkeypatch: pytest.MonkeyPatch) -> None:
    index, before = loaded(50)
    built: list[list[Entry]] = []
    building = Index.building

    def counted(self: Index, entries: Any) -> Iterator[None]:
        built.append(list(entries))
        return building(self, built[-1])

    monkeypatch.setattr(Index, "building", counted)
    after = index.apply({7: entry(7, HERE, ANYTHING, revision_id=71)}, generation=2)
    assert [len(entries) for entries in built] == [1]
    assert after.base is before.base


def test_a_merge_that_was_overtaken_by_a_new_load_is_dropped() -> None:
    index, _ = loaded()
    index.apply({1: None}, generation=2)
    merge = index.merging()
    next(merge)
    index.load([entry(9, HERE, ANYTHING)], generation=5)
    list(merge)
    assert hits(index.state) == [(9, 90)]
