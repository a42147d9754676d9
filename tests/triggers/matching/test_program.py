"""A compiled tree answers exactly what `evaluate` answers."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from tests.triggers.conditions.facts_for_tests import field, leaf, make_event
from tests.triggers.matching.worlds import EVENTS, ITEMS, TREES
from triggers.conditions.evaluate import evaluate
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.leaves import LEAVES
from triggers.matching.leaves import questions
from triggers.matching.program import Programs, compiled
from triggers.matching.subtrees import subtree

pytestmark = pytest.mark.one_pass


@given(tree=TREES, event=EVENTS, item=ITEMS)
@settings(max_examples=300)
def test_a_compiled_tree_answers_what_the_evaluator_answers(
    tree: Any, event: EventFacts, item: ItemFacts | None
) -> None:
    assert compiled(tree)(event, item) is evaluate(tree, event, item).because.holds


@pytest.mark.parametrize("value", [True, False, 1, 0, 1.0, None, "1", "true"])
@pytest.mark.parametrize("actual", [True, False, 1, 0, 1.0, None, "1", "TRUE", [1], {}])
def test_equality_is_that_of_json(value: Any, actual: Any) -> None:
    tree, event = field("data.a", "equals", value), make_event(data={"a": actual}, changes={"a": ("x", actual)})
    assert compiled(tree)(event, None) is evaluate(tree, event, None).because.holds
    side = field("changes.a", "changed_to", value)
    assert compiled(side)(event, None) is evaluate(side, event, None).because.holds


@pytest.mark.parametrize("at", [None, datetime(2026, 11, 20, 12, tzinfo=UTC)])
def test_the_time_of_an_event_is_read_as_text(at: datetime | None) -> None:
    event = EventFacts("s", "t", time=at)
    for tree in (field("event.time", "prefix", "2026-11-20T12"), field("event.time", "exists")):
        assert compiled(tree)(event, None) is evaluate(tree, event, None).because.holds
    assert compiled(field("event.time", "prefix", "2026-11-20T12"))(event, None) is (at is not None)


@pytest.mark.parametrize("text", ["", "b"])
def test_every_text_holds_the_empty_one(text: str) -> None:
    tree, event = leaf("string_match", contains_keywords=["", "a"]), make_event(text=text)
    assert evaluate(tree, event, None).because.holds is True
    assert compiled(tree)(event, None) is True


SOUND: dict[str, dict[str, Any]] = {
    "field": {"path": "data.a", "operator": "exists"},
    "sender": {"allow": ["ana"]},
    "time_window": {"zone": "UTC"},
    "count": {"at_least": 3, "within_s": 600},
    "trust_tier": {"at_least": "open"},
    "string_match": {"search_string": "ana"},
    "sequence": {"first": leaf("mention"), "then": leaf("mention"), "within_s": 60},
    "absence": {"after": leaf("mention"), "without": leaf("mention"), "within_s": 60},
}


@pytest.mark.parametrize("type_", LEAVES.types())
def test_no_leaf_is_forgotten(type_: str) -> None:
    """One that is left out is answered correctly, and a hundred times slower."""
    for version in LEAVES.versions(type_):
        node = {"type": type_, "version": version, "config": SOUND.get(type_, {})}
        assert questions(node) or subtree(node)


def deep(groups: int) -> Any:
    tree: Any = leaf("trust_tier", at_least="open")
    for _ in range(groups):
        tree = {"all": [tree]}
    return tree


@pytest.mark.parametrize("groups", [0, 15, 16, 40])
def test_a_tree_that_is_too_deep_cannot_tell(groups: int) -> None:
    expected = evaluate(deep(groups), make_event(), None).because.holds
    assert expected is (None if groups > 15 else True)
    assert compiled(deep(groups))(make_event(), None) is expected


@pytest.mark.parametrize("operator", ["matches", "glob"])
@pytest.mark.parametrize("value", ["(a+)+$", "(?=a)", "(", "ana*", "A.a"])
@pytest.mark.parametrize("actor", ["ana", "Ana", "x" * 300_000])
def test_patterns_answer_alike_also_where_they_are_wrong(operator: str, value: str, actor: str) -> None:
    tree, event = field("event.actor", operator, value), make_event(actor=actor)
    assert compiled(tree)(event, None) is evaluate(tree, event, None).because.holds


def test_an_operator_without_a_quick_answer_is_asked_of_the_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = field("event.actor", "suffix", "na")
    monkeypatch.setattr("triggers.matching.fields.TABLE", _NoTests())
    assert questions(tree) is None
    assert compiled(tree)(make_event(actor="ana"), None) is True


class _NoTests(dict[Any, Any]):
    def __missing__(self, _key: Any) -> Any:
        return type("Row", (), {"test": None})


def test_compiled_conditions_are_kept_and_the_oldest_make_room() -> None:
    texts = [json.dumps(leaf("sender", allow=[f"somebody {at}"])) for at in range(5)]
    programs = Programs(room=3 * len(texts[0]))
    first = programs.get(texts[0])
    assert programs.get(texts[0]) is first
    for text in texts[1:]:
        programs.get(text)
    assert programs.get(texts[-1]) is programs.get(texts[-1])
    assert programs.get(texts[0]) is not first


def test_conditions_larger_than_the_room_are_compiled_too() -> None:
    programs = Programs(room=1)
    event = make_event(actor="ana")
    assert programs.get(json.dumps(leaf("sender", allow=["ana"])))(event, None) is True
    assert programs.get(json.dumps(leaf("sender", allow=["bea"])))(event, None) is False


def test_what_two_threads_compile_at_once_is_kept_once() -> None:
    text = json.dumps(leaf("sender", allow=["ana"]))
    programs = Programs(room=len(text))
    programs._compile(text)
    kept = programs.get(text)
    programs._compile(text)
    assert programs.get(text) is kept
