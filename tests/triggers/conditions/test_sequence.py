"""The sequence leaf, with the history written out."""

from datetime import timedelta
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import Written, answer, field, holds, leaf, leaves_of, make_event
from triggers.conditions.evaluate import consults_events
from triggers.conditions.history import Per
from triggers.conditions.registry import Asked
from triggers.conditions.schema import normalise, validate

pytestmark = pytest.mark.one_pass
FAILED, FIXED = field("data.result", "equals", "failed"), field("data.result", "equals", "passed")
BOTH = leaf("sequence", first=FAILED, then=FIXED, within_s=3600)
FAILURE = make_event(data={"result": "failed", "id": "a", "who": "Ana"})
FIX = make_event(data={"result": "passed", "id": "a", "who": "ana"})


def after(*before: Any, tree: Any = BOTH, **over: Any) -> bool | None:
    return answer(tree, FIX, history=Written(*before, **over)).because.holds


def test_it_holds_for_the_second_where_the_first_came_before() -> None:
    assert validate(BOTH) == []
    assert consults_events({"all": [BOTH]})
    history = Written(FIX, FAILURE)
    assert answer(BOTH, FIX, history=history).matched
    assert history.asked == [(timedelta(hours=1), Per.ITEM)]
    assert after(FIX) is False
    assert after() is False


def test_of_the_first_one_nothing_before_is_looked_for() -> None:
    history = Written(FAILURE)
    assert answer(BOTH, FAILURE, history=history).because.holds is False
    assert history.asked == []
    assert holds(BOTH, FAILURE) is False


def test_without_a_history_nobody_can_tell_unless_the_rest_decides() -> None:
    assert holds(BOTH, FIX) is None
    assert holds({**BOTH, "config": {**BOTH["config"], "from_user": "bea"}}, FIX) is False
    assert holds({"all": [BOTH, field("data.result", "equals", "no")]}, FIX) is False


def test_where_it_cannot_be_told_whether_this_is_the_second_one_it_is_no_match_and_no_silent_no() -> None:
    unclear = leaf("sequence", first=FAILED, then=field("data.result", "gte", 1), within_s=3600)
    assert after(FAILURE, tree=unclear) is None
    assert after(tree=unclear) is False


def test_a_list_of_conditions_is_any_of_them() -> None:
    either = leaf("sequence", first=[leaf("mention"), FAILED], then=[leaf("mention"), FIXED], within_s=3600)
    assert validate(either) == []
    assert after(FAILURE, tree=either) is True
    assert after(FAILURE, tree=normalise(either)) is True


@pytest.mark.parametrize(
    ("config", "before", "expected"),
    [
        ({"same_by": "data.id"}, FAILURE, True),
        ({"same_by": "data.id"}, make_event(data={"result": "failed", "id": "b"}), False),
        ({"same_by": "data.id"}, make_event(data={"result": "failed"}), False),
        ({"same_by": "data.who"}, FAILURE, True),
        ({"same_by": "data.who", "case_sensitive": True}, FAILURE, False),
        ({"same_by": "data.nowhere"}, FAILURE, False),
    ],
)
def test_both_have_the_same_value_where_that_is_asked(config: dict[str, Any], before: Any, expected: bool) -> None:
    assert after(before, tree={**BOTH, "config": {**BOTH["config"], **config}}) is expected


def test_a_tree_that_nobody_asks_about_is_not_there() -> None:
    with pytest.raises(KeyError):
        Asked({}, FIX, None).tree("then")


def test_true_is_not_one() -> None:
    tree = leaf("sequence", first=field("data.id", "exists"), then=FIXED, within_s=60, same_by="data.id")
    event = make_event(data={"result": "passed", "id": 1})
    assert answer(tree, event, history=Written(make_event(data={"id": True}))).because.holds is False
    assert answer(tree, event, history=Written(make_event(data={"id": 1.0}))).matched


def test_what_belongs_to_no_item_comes_after_nothing() -> None:
    verdict = answer(BOTH, FIX, history=Written(is_none=True))
    assert (verdict.matched, verdict.error) == (False, None)
    assert leaves_of(verdict.because)[-1].actual == "it belongs to no item"


@pytest.mark.parametrize(("before", "expected"), [([], None), ([FAILURE], True)])
def test_where_there_may_be_more_none_cannot_be_told(before: list[Any], expected: bool | None) -> None:
    assert after(*before, lacks="not all are kept") is expected


def test_the_reasons_show_both_sides_at_their_places() -> None:
    root = answer({"all": [BOTH]}, FIX, history=Written(FAILURE)).because
    both = root.children[0]
    assert [(node.label, node.path) for node in both.children] == [
        ("then", "/all/0/config/then"),
        ("first", "/all/0/config/first"),
    ]
    assert [node.path for node in both.children[0].children] == ["/all/0/config/then/config/path"]
    assert both.children[1].actual == "1 came"


@pytest.mark.parametrize(
    ("config", "where", "code"),
    [
        ({"first": FAILED, "within_s": 60}, "then", "required"),
        ({"first": FAILED, "then": FIXED}, "within_s", "required"),
        ({"first": FAILED, "then": 5, "within_s": 60}, "then", "wrong_type"),
        ({"first": FAILED, "then": {}, "within_s": 60}, "then", "wrong_shape"),
        ({"first": [], "then": FIXED, "within_s": 60}, "first", "empty"),
        ({"first": FAILED, "then": {"any": [{"type": "moon"}]}, "within_s": 60}, "then.any[0].type", "unknown_type"),
        ({"first": [leaf("mention", who=5)], "then": FIXED, "within_s": 60}, "first[0].config.who", "wrong_type"),
        ({"first": [BOTH], "then": FIXED, "within_s": 60}, "first[0]", "nested_history"),
        ({"first": FAILED, "then": FIXED, "within_s": 31 * 86_400 + 1}, "within_s", "out_of_range"),
        ({"first": FAILED, "then": FIXED, "within_s": 60, "per": "world"}, "per", "not_one_of"),
        ({"first": FAILED, "then": FIXED, "within_s": 60, "same_by": "id"}, "same_by", "bad_path"),
        ({"first": FAILED, "then": FIXED, "within_s": 60, "same_by": "item.key"}, "same_by", "bad_path"),
    ],
)
def test_a_sequence_that_cannot_work_is_refused_where_it_is_wrong(
    config: dict[str, Any], where: str, code: str
) -> None:
    (problem,) = validate([{"type": "sequence", "config": config}])
    assert (problem.path, problem.code) == (f"conditions[0].config.{where}", code)


def test_conditions_inside_a_leaf_count_and_are_as_deep_as_they_stand() -> None:
    many = leaf("sequence", first=[leaf("mention")] * 300, then=[leaf("mention")] * 300, within_s=60)
    assert [problem.code for problem in validate([many])] == ["too_many"]
    deep: Any = leaf("mention")
    for _ in range(14):
        deep = {"all": [deep]}
    fits = leaf("sequence", first=deep, then=deep, within_s=60)
    assert validate(fits) == []
    assert {problem.code for problem in validate([fits])} == {"too_deep"}
    assert holds([fits], make_event()) is None
