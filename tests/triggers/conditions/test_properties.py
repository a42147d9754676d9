"""What must hold for any JSON and any tree that validation accepts."""

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.conditions.describe import describe, describe_lines, summary
from triggers.conditions.evaluate import evaluate
from triggers.conditions.facts import EventFacts, ItemFacts, Kind, TrustTier
from triggers.conditions.leaves import LEAVES
from triggers.conditions.operators import Operator
from triggers.conditions.schema import normalise, validate
from triggers.conditions.verdict import Verdict

pytestmark = pytest.mark.one_pass

NAMES = ("a", "b", "status", "x.y")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["ana", "Open", "2026-11-20", "(a+)+$"])
)
JSON = st.recursive(
    SCALARS,
    lambda child: (
        st.lists(child, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), child, max_size=3)
    ),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3)
WORDS = st.text(max_size=8) | st.sampled_from(["ana", "bea"])

EVENTS = st.builds(
    EventFacts,
    source=WORDS,
    type=WORDS,
    actor=WORDS,
    text=st.text(max_size=40),
    title=WORDS,
    data=OBJECTS,
    changes=st.dictionaries(
        st.sampled_from(["status", "assignee", "priority", "x.y"]), st.tuples(JSON, JSON), max_size=3
    ),
    kinds=st.lists(st.sampled_from([kind.value for kind in Kind]), max_size=3).map(tuple),
    mentions=st.lists(WORDS, max_size=2).map(tuple),
    is_reply=st.booleans(),
    trust_tier=st.sampled_from(TrustTier),
    time=st.none() | st.datetimes(timezones=st.just(UTC)),
)
ITEMS = st.none() | st.builds(ItemFacts, kind=WORDS, key=WORDS, state=OBJECTS, version=st.integers(0, 9))

PATHS = st.sampled_from(
    [
        "data.a",
        "data.a.0",
        "data.x\\.y",
        "data.a.b",
        "changes.status",
        "changes.x.y.old",
        "item.state.a",
        "event.kinds",
        "event.time",
    ]
)
CONFIGS = {
    "field": st.fixed_dictionaries(
        {"path": PATHS | WORDS, "operator": st.sampled_from([operator.value for operator in Operator])},
        optional={"value": SCALARS | st.lists(SCALARS, max_size=3), "case_sensitive": st.booleans()},
    ),
    "sender": st.fixed_dictionaries({"allow": st.lists(WORDS, max_size=2)}),
    "time_window": st.fixed_dictionaries(
        {"zone": st.sampled_from(["UTC", "Europe/Berlin", "Mars/Base"])},
        optional={
            "days": st.lists(st.sampled_from(["mon", "sun", "never"]), max_size=2) | st.none(),
            "from": st.sampled_from(["", "00:00", "22:00", "24:00"]) | st.none(),
            "to": st.sampled_from(["06:00", "24:00", "six"]) | st.none(),
        },
    ),
    "count": st.fixed_dictionaries(
        {"at_least": st.integers(1, 4), "within_s": st.sampled_from([0, 600])},
        optional={"per": st.sampled_from(["item", "connection"]), "distinct": PATHS | WORDS | st.none()},
    ),
    "trust_tier": st.fixed_dictionaries({"at_least": st.sampled_from([tier.value for tier in TrustTier])}),
}
SHARED: Any = st.fixed_dictionaries(
    {},
    optional={
        "search_string": WORDS | st.none(),
        "case_sensitive": st.booleans(),
        "from_status": WORDS,
        "to_status": WORDS,
        "new_assignee": WORDS,
        "min_length": st.integers(0, 50) | st.none(),
        "from_user": WORDS,
        "contains_keywords": st.lists(WORDS, max_size=3),
    },
)


def _leaf(type_: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(type_), "config": CONFIGS.get(type_, SHARED)})


LIKELY_LEAVES = st.sampled_from(LEAVES.types()).flatmap(_leaf)
TREES = st.recursive(
    LIKELY_LEAVES,
    lambda child: st.builds(
        lambda name, children: {name: children},
        st.sampled_from(["all", "any", "none"]),
        st.lists(child, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(tree=JSON | TREES | st.lists(TREES, max_size=2), event=EVENTS, item=ITEMS)
@settings(max_examples=150)
def test_evaluation_never_raises_and_its_answer_can_be_stored(
    tree: Any, event: EventFacts, item: ItemFacts | None
) -> None:
    verdict = evaluate(tree, event, item)
    stored = json.dumps(verdict.as_json(), allow_nan=False)
    stored.encode()
    assert "\\u0000" not in stored
    assert Verdict.from_json(json.loads(stored)) == verdict
    assert verdict.matched is (verdict.because.holds is True)
    assert (verdict.error is None) is (verdict.because.holds is not None)


@given(tree=JSON | TREES | st.lists(TREES, max_size=2), event=EVENTS, item=ITEMS)
@settings(max_examples=150)
def test_what_validation_accepts_can_be_evaluated_and_described(
    tree: Any, event: EventFacts, item: ItemFacts | None
) -> None:
    if validate(tree):
        return
    for node in evaluate(tree, event, item).because.walk():
        assert "the condition failed" not in node.note
        assert "no such condition" not in node.note
        assert "asks for nothing" not in node.note
    assert describe(tree)
    assert describe_lines(tree)
    assert summary(evaluate(tree, event, item))
    assert validate(normalise(tree)) == []
    assert normalise(normalise(tree)) == normalise(tree)
    assert evaluate(normalise(tree), event, item) == evaluate(tree, event, item)


@given(children=st.lists(TREES, min_size=1, max_size=4), event=EVENTS, item=ITEMS)
@settings(max_examples=100)
def test_none_of_these_is_not_any_of_these(children: list[Any], event: EventFacts, item: ItemFacts | None) -> None:
    any_, none = evaluate({"any": children}, event, item), evaluate({"none": children}, event, item)
    assert (any_.error is None) is (none.error is None)
    if any_.error is None:
        assert none.matched is not any_.matched


@given(event=EVENTS, item=ITEMS, path=PATHS)
@settings(max_examples=100)
def test_a_field_is_there_or_is_not(event: EventFacts, item: ItemFacts | None, path: str) -> None:
    there, absent = (
        evaluate({"type": "field", "config": {"path": path, "operator": operator}}, event, item).matched
        for operator in ("exists", "absent")
    )
    assert there is not absent


@given(event=EVENTS)
@settings(max_examples=100)
def test_facts_survive_their_stored_form(event: EventFacts) -> None:
    assert EventFacts.from_dict(json.loads(json.dumps(event.as_dict()))).as_dict() == event.as_dict() | {
        "data": event.data,
        "changes": {path: list(pair) for path, pair in event.changes.items()},
    }
