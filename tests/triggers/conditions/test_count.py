"""The count leaf, with the history written out."""

from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import Written, answer, field, holds, leaf, make_event
from triggers.conditions.evaluate import consults_events
from triggers.conditions.history import UnreadHistory
from triggers.conditions.schema import validate

pytestmark = pytest.mark.one_pass
THREE = leaf("count", at_least=3, within_s=60)
ONE = make_event()


@pytest.mark.parametrize(("before", "expected"), [(0, False), (1, False), (2, True), (3, True)])
def test_this_event_is_one_of_them(before: int, expected: bool) -> None:
    assert validate(THREE) == []
    assert answer(THREE, ONE, history=Written(*[ONE] * before)).because.holds is expected


def test_without_a_history_nobody_can_tell_unless_the_rest_decides() -> None:
    assert holds(THREE) is None
    assert holds({"all": [THREE, field("data.x", "exists")]}) is False
    assert holds({"any": [THREE, field("event.actor", "exists")]}) is True
    assert holds({**THREE, "config": {**THREE["config"], "from_user": "bea"}}) is False


def test_what_belongs_to_no_item_is_counted_with_nothing() -> None:
    verdict = answer(THREE, history=Written(is_none=True))
    assert (verdict.matched, verdict.error, verdict.because.actual) == (False, None, "it belongs to no item")


@pytest.mark.parametrize(("before", "expected"), [(1, None), (2, True)])
def test_where_there_may_be_more_too_few_cannot_be_told(before: int, expected: bool | None) -> None:
    verdict = answer(THREE, ONE, history=Written(*[ONE] * before, lacks="not all are kept"))
    assert verdict.because.holds is expected
    assert verdict.error == (None if expected else "not all are kept")


def test_a_history_that_cannot_be_read_is_no_answer_of_the_condition() -> None:
    class Gone:
        def earlier(self, **_asked: Any) -> Any:
            raise UnreadHistory

        silence = earlier

    with pytest.raises(UnreadHistory):
        answer({"any": [THREE]}, history=Gone())


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (THREE, True),
        ([THREE], True),
        ({"all": [leaf("mention"), {"none": [THREE]}]}, True),
        ({"all": [leaf("mention")]}, False),
        (leaf("unheard_of"), False),
        ("count", False),
    ],
)
def test_it_is_known_which_trees_look_at_other_events(tree: Any, expected: bool) -> None:
    assert consults_events(tree) is expected


@pytest.mark.parametrize(
    ("config", "where", "code"),
    [
        ({"within_s": 60}, "at_least", "required"),
        ({"at_least": 3}, "within_s", "required"),
        ({"at_least": 1, "within_s": 60}, "at_least", "out_of_range"),
        ({"at_least": 1_001, "within_s": 60}, "at_least", "out_of_range"),
        ({"at_least": 3, "within_s": 31 * 86_400 + 1}, "within_s", "out_of_range"),
        ({"at_least": 3, "within_s": 60, "per": "world"}, "per", "not_one_of"),
        ({"at_least": 3, "within_s": 60, "distinct": "actor"}, "distinct", "bad_path"),
        ({"at_least": 3, "within_s": 60, "distinct": "item.key"}, "distinct", "bad_path"),
    ],
)
def test_a_count_that_cannot_work_is_refused_where_it_is_wrong(config: dict[str, Any], where: str, code: str) -> None:
    (problem,) = validate([{"type": "count", "config": config}])
    assert (problem.path, problem.code) == (f"conditions[0].config.{where}", code)
