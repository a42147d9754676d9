"""The index finds what asking everybody finds: nothing missed, errors included, nothing that does not match."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.triggers.conditions.facts_for_tests import field, leaf, make_event, make_item
from tests.triggers.matching.worlds import EVENTS, ITEMS, SCOPES, TREES, entry, naive
from triggers.conditions.evaluate import evaluate
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.matching.anchors import needed, needed_to_ask
from triggers.matching.index import FEW, Entry, Index, Scope, connection_scope, item_scope
from triggers.matching.leaves import shared_questions
from triggers.matching.program import Programs, compiled

pytestmark = pytest.mark.one_pass

HERE = (connection_scope(1),)


def index_of(entries: list[Entry]) -> Index:
    return Index.of(entries, Programs())


@given(
    triggers=st.lists(st.tuples(SCOPES, TREES), min_size=1, max_size=25),
    events=st.lists(st.tuples(EVENTS, ITEMS, SCOPES), min_size=1, max_size=4),
)
@settings(max_examples=100)
def test_the_index_finds_what_the_naive_scan_finds(
    triggers: list[tuple[tuple[int, ...], Any]], events: list[tuple[EventFacts, ItemFacts | None, tuple[int, ...]]]
) -> None:
    entries = [entry(number, scopes, tree) for number, (scopes, tree) in enumerate(triggers, 1)]
    index = index_of(entries)
    assert list(index) == entries
    for event, item, scopes in events:
        assert sorted(set(index.match(event, item, scopes))) == naive(entries, event, item, scopes)


@given(trees=st.lists(TREES, min_size=FEW + 1, max_size=15), event=EVENTS, item=ITEMS)
@settings(max_examples=100)
def test_anchors_miss_nothing_where_many_listen_to_one_thing(
    trees: list[Any], event: EventFacts, item: ItemFacts | None
) -> None:
    entries = [entry(number, HERE, tree) for number, tree in enumerate(trees, 1)]
    assert sorted(set(index_of(entries).match(event, item, HERE))) == naive(entries, event, item, HERE)


def found(trees: list[Any], event: EventFacts, item: ItemFacts | None = None) -> list[int]:
    """The places, from 1, of the trees that are found; others beside them make the scope a large one."""
    others = [leaf("sender", allow=[f"other {at}"]) for at in range(FEW + 1)]
    entries = [entry(number, HERE, tree) for number, tree in enumerate([*trees, *others], 1)]
    hits = sorted({trigger_id for trigger_id, _ in index_of(entries).match(event, item, HERE)})
    assert hits == [trigger_id for trigger_id, _ in naive(entries, event, item, HERE)]
    return hits


def test_a_word_that_changes_its_letter_when_folded_is_found_by_case() -> None:
    """Folded, H and the macron below it become one letter, in which there is no h."""
    event = make_event(text="H\u0331ello")
    assert found([leaf("string_match", search_string="H", case_sensitive=True)], event) == [1]
    assert found([leaf("string_match", search_string="H")], event) == []


def test_a_word_is_not_found_across_headline_and_text() -> None:
    assert found([leaf("string_match", search_string="door open")], make_event(title="the door", text="open it")) == []


def test_a_word_with_a_nul_is_not_found_across_headline_and_text() -> None:
    assert found([leaf("string_match", search_string="door\0open")], make_event(title="the door", text="open it")) == []


def test_true_is_not_one() -> None:
    trees = [field("data.a", "equals", True), field("data.a", "equals", 1), field("data.a", "in", [0, 1.0])]
    assert found(trees, make_event(data={"a": True})) == [1]
    assert found(trees, make_event(data={"a": 1})) == [2, 3]


def test_half_a_character_in_the_text_hides_no_word() -> None:
    event = make_event(text="it \ud83d burns", data={"a": "it \ud83d burns"})
    trees = [leaf("string_match", search_string="burns"), field("data.a", "contains", "burns")]
    many = [leaf("string_match", search_string=f"word {at}") for at in range(40)]
    assert found([*trees, *many], event) == [1, 2]


def test_words_within_words_are_all_found() -> None:
    words = ["a", "an", "ana", "banana", "nan", *(f"word {at}" for at in range(40))]
    trees = [leaf("string_match", search_string=word) for word in words]
    assert found(trees, make_event(text="Banana")) == [1, 2, 3, 4, 5]


def test_a_long_list_of_keywords_is_found_by_each_of_them_and_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [f"keyword {at} of a long list" for at in range(10_000)]
    others = [leaf("sender", allow=[f"other {at}"]) for at in range(FEW + 1)]
    tree = leaf("string_match", contains_keywords=words)
    index = index_of([entry(number, HERE, one) for number, one in enumerate([tree, *others], 1)])
    monkeypatch.setattr(Programs, "get", None)
    for at in (0, 4_321, 9_999):
        assert index.match(make_event(text=f"There is KEYWORD {at} of a long list."), None, HERE) == [(1, 10)]
    assert index.match(make_event(text="keyword 10000 of a long list"), None, HERE) == []


@pytest.mark.parametrize("operator", ["prefix", "contains", "suffix", "gte"])
def test_a_value_of_the_wrong_type_is_an_error_that_is_not_missed(operator: str) -> None:
    trees = [field("data.a", operator, "2026-11-20"), leaf("sender", allow=["nobody"])]
    assert found(trees, make_event(data={"a": {"b": 1}})) == [1]
    assert found(trees, make_event(data={"a": None})) == []
    assert found(trees, make_event(data={})) == []


WRITTEN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
FULL = {
    "type": "jira.updated",
    "time": WRITTEN,
    "data": {"a": ["Ana", 1], "b": {"c": "x"}, "t": "Über den Fluss"},
    "changes": {"status": ("Open", "Done"), "x.y": (1, 2)},
    "kinds": ("comment", "updated"),
    "mentions": ("@Ana",),
    "is_reply": True,
}


@pytest.mark.parametrize(
    ("tree", "holds"),
    [
        (field("data.a", "contains", "ana"), True),
        (field("data.a", "contains", "bea"), False),
        (field("data.t", "contains", "über"), True),
        (field("data.t", "prefix", "ÜBER"), True),
        (field("data.t", "prefix", "unter"), False),
        (field("data.a.0", "equals", "ana"), True),
        (field("data.t", "suffix", "fluss"), True),
        (field("data.none", "suffix", "fluss"), False),
        (field("data.b.c.d", "equals", "x"), False),
        (field("data.none.c", "equals", "x"), False),
        (field("event.time", "equals", WRITTEN.isoformat()), True),
        (field("event.kinds.1", "equals", "updated"), True),
        (field("item.state.status", "equals", "open"), True),
        (field("changes.status.old", "equals", "open"), True),
        (field("changes.status", "in", ["done", "closed"]), True),
        (field("changes.x.y", "changed_from", 1), True),
        (field("changes.none.old", "equals", "open"), False),
        (field("changes.status", "changed"), True),
        (field("changes.none", "changed"), False),
        (field("data.b", "exists"), True),
        (field("data.none", "exists"), False),
        (leaf("new_comment"), True),
        (leaf("new_message"), False),
        (leaf("mention", who=["ana"]), True),
        (leaf("mention", who=["bea"]), False),
        (leaf("mention"), True),
        (leaf("thread_reply"), True),
        (leaf("new_comment", min_length="many"), True),  # an error
        (leaf("new_comment", min_length=5), False),
        (leaf("string_match", search_string=""), True),  # an error
    ],
)
def test_each_look_finds_what_its_leaf_finds(tree: Any, holds: bool) -> None:
    assert found([tree], make_event(**FULL), make_item()) == ([1] if holds else [])
    assert compiled(tree)(make_event(**FULL), None) is evaluate(tree, make_event(**FULL), None).because.holds


@pytest.mark.parametrize(
    "tree",
    [
        leaf("new_comment", min_length="many"),
        leaf("new_comment", contains_keywords="no list"),
        leaf("new_comment", from_user=5),
        leaf("string_match", search_string=""),
        leaf("field", path=5, operator="equals", value="x"),
        leaf("field", path="data.a", operator="resembles", value="x"),
        leaf("field", path="data..a", operator="equals", value="x"),
        leaf("sender", allow="no list"),
        leaf("trust_tier", at_least="unheard of"),
        leaf("count", at_least="many", within_s=60),
        leaf("time_window", days="no list"),
        leaf("sequence", first=leaf("new_message"), then=leaf("new_comment"), within_s=60, same_by=5),
        leaf("sequence", first=leaf("new_message"), then=leaf("new_comment"), within_s=60, same_by="data..a"),
        leaf("sequence", first=leaf("new_message"), then=leaf("new_comment"), within_s=60, min_length="many"),
        leaf("new_comment") | {"version": True},
        leaf("new_comment") | {"version": 99},
        leaf("new_comment") | {"config": "none"},
        {"type": "unheard_of"},
        {"type": 5},
        "no leaf",
    ],
)
def test_of_what_is_not_sound_nothing_is_known_and_every_event_is_asked(tree: Any) -> None:
    assert needed(tree, len) is None


def test_a_sequence_needs_what_its_end_needs() -> None:
    first, then = leaf("new_message"), leaf("new_comment")
    one = needed(leaf("sequence", first=first, then=then, within_s=60), len)
    assert one is not None
    assert one.anchors == needed(then, len).anchors  # type: ignore[union-attr]


def test_an_absence_needs_the_clock_and_concerns_what_arms_or_disarms_it() -> None:
    after, without = leaf("new_message"), leaf("new_comment")
    tree = leaf("absence", after=after, without=without, within_s=60)
    told, concerned = needed(tree, len), needed_to_ask(tree, len)
    assert told is not None
    assert concerned is not None
    assert {*needed(after, len).anchors, *needed(without, len).anchors} <= {*concerned.anchors}  # type: ignore[union-attr]
    assert not {*needed(without, len).anchors} & {*told.anchors}  # type: ignore[union-attr]


def test_all_need_the_cheapest_any_need_each_and_of_none_nothing_follows() -> None:
    cheap, dear = leaf("new_comment"), {"any": [leaf("new_message"), leaf("mention", who=["ana"])]}
    known = needed(cheap, len)
    assert needed({"all": [dear, cheap]}, len) == (known.anchors, False)  # type: ignore[union-attr]
    both = needed({"any": [cheap, dear]}, len)
    assert both is not None
    assert len(both.anchors) == 3
    assert needed({"any": [cheap, {"none": [cheap]}]}, len) is None
    assert needed({"none": [cheap]}, len) is None
    assert needed({"all": []}, len) is None
    assert needed({"all": ["no leaf", {"none": [cheap]}]}, len) is None


@pytest.mark.parametrize("spoilt", [{"from_user": 5}, {"contains_keywords": "no list"}, {"min_length": "many"}])
def test_of_shared_keys_that_are_not_sound_nothing_is_known(spoilt: dict[str, Any]) -> None:
    assert shared_questions(spoilt) is None


def test_what_only_excludes_is_asked_of_every_event() -> None:
    trees = [{"none": [leaf("sender", allow=["bea"])]}, field("changes.status", "unchanged"), field("data.a", "absent")]
    assert found(trees, make_event(actor="ana")) == [1, 2, 3]
    assert found(trees, make_event(actor="bea", data={"a": 1}, changes={"status": ("a", "b")})) == []


def test_a_list_of_allowed_senders_that_is_empty_matches_nobody() -> None:
    assert found([leaf("sender", allow=[])], make_event(actor="")) == []


def test_the_item_is_looked_at_too() -> None:
    trees = [field("item.state.status", "equals", "open"), field("item.key", "prefix", "ops-")]
    assert found(trees, make_event(), make_item()) == [1, 2]
    assert found(trees, make_event(), None) == []


def test_an_item_and_a_connection_of_one_number_are_two() -> None:
    entries = [entry(1, [item_scope(5)], leaf("trust_tier", at_least="open"))]
    assert index_of(entries).match(make_event(), None, [connection_scope(5)]) == []


def test_what_is_asked_follows_the_matches_and_not_the_triggers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of an event, counted: closures that are asked and buckets that are opened."""
    asked: list[str] = []
    get = Programs.get

    def counted(self: Programs, text: str) -> Any:
        asked.append(text)
        return get(self, text)

    monkeypatch.setattr(Programs, "get", counted)
    event = make_event(type="common", actor="person 3", text="the phrase 7 burns", changes={"status": ("a", "s5")})
    counts = []
    for size in (50, 1_000):
        trees = [_mixed(at) for at in range(size)]
        index = index_of([entry(at, HERE, tree) for at, tree in enumerate(trees, 1)])
        asked.clear()
        assert len(set(index.match(event, None, HERE))) == 3
        counts.append(len(asked))
    assert counts[1] <= counts[0] + 2


def _mixed(at: int) -> Any:
    typed = field("event.type", "equals", "common")
    kinds = [
        leaf("status_change", to_status=f"s{at}"),
        {"all": [typed, leaf("sender", allow=[f"person {at}"])]},
        {"all": [typed, leaf("string_match", search_string=f"phrase {at} burns")]},
    ]
    wanted = {5: 0, 3: 1, 7: 2}
    return kinds[wanted.get(at, at % 3)]


def test_a_build_pauses_often() -> None:
    """Between two pauses it holds up a decision or an agent's messages."""
    rng = random.Random(1)
    trees = [_mixed(rng.randrange(10_000)) for _ in range(2_000)]
    index = Index(Programs())
    pauses = sum(1 for _ in index.building(entry(at, HERE, tree) for at, tree in enumerate(trees, 1)))
    assert pauses >= 2 * 2_000 // 100
    assert sorted(entry_.trigger_id for entry_ in index) == list(range(1, 2_001))


def test_the_rarer_of_two_anchors_is_chosen() -> None:
    scope = Scope()
    rows = [(at, entry(at, HERE, _mixed(3 * at + 1)).conditions) for at in range(20)]
    for _ in scope.building(rows):
        pass
    slots: list[int] = []
    scope.collect(make_event(type="common", actor="nobody"), None, slots)
    assert len(slots) <= 1
