"""The absence leaf, with the history written out."""

from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import Written, answer, field, holds, leaf, make_event
from triggers.conditions.absences import absences
from triggers.conditions.evaluate import consults_events
from triggers.conditions.leaves.absence import ELAPSED, is_timer
from triggers.conditions.schema import normalise, validate

pytestmark = pytest.mark.one_pass
ASKED, ANSWERED = leaf("new_message"), leaf("thread_reply")
QUIET = leaf("absence", after=ASKED, without=ANSWERED, within_s=3600)
QUESTION = make_event(kinds=("message",), actor="ana")
REPLY = make_event(is_reply=True)
TIMER = make_event(source="internal", type=ELAPSED)
(WANTED,) = absences(QUIET)


def at_the_end(*came: Any, tree: Any = QUIET, watch: str = WANTED.name, **over: Any) -> bool | None:
    return answer(tree, TIMER, history=Written(*came, watch=watch, **over)).because.holds


def test_it_holds_when_the_time_is_up_and_nothing_came() -> None:
    assert validate(QUIET) == []
    assert consults_events(QUIET)
    assert at_the_end() is True
    assert at_the_end(QUESTION) is True
    assert at_the_end(REPLY) is False


def test_it_holds_for_nothing_else_neither_with_a_history_nor_without() -> None:
    for event in (QUESTION, REPLY, make_event()):
        assert holds(QUIET, event) is False
        assert answer(QUIET, event, history=Written(watch=WANTED.name)).because.holds is False
    assert "the time begins" in answer(QUIET, QUESTION).because.actual
    assert answer(QUIET, REPLY).because.actual == "no time is up"


def test_the_time_of_another_watch_is_none_of_its_own() -> None:
    assert at_the_end(watch="another") is False
    assert holds(QUIET, TIMER) is None


@pytest.mark.parametrize("over", [{"source": "webhook"}, {"type": "dct.timer"}])
def test_nobody_outside_can_say_that_a_time_is_up(over: dict[str, Any]) -> None:
    event = make_event(**{"source": "internal", "type": ELAPSED, **over})
    assert not is_timer(event)
    assert answer(QUIET, event, history=Written(watch=WANTED.name)).because.holds is False


@pytest.mark.parametrize(("came", "expected"), [([], None), ([REPLY], False)])
def test_where_there_may_be_more_nothing_cannot_be_told(came: list[Any], expected: bool | None) -> None:
    assert at_the_end(*came, lacks="not all are kept") is expected


def test_counted_from_the_last_another_beginning_breaks_it_too() -> None:
    last = leaf("absence", after=ASKED, without=ANSWERED, within_s=3600, counts_from="last")
    (want,) = absences(last)
    assert want.restarts
    assert at_the_end(QUESTION, tree=last, watch=want.name) is False
    assert at_the_end(tree=last, watch=want.name) is True


def test_where_it_cannot_be_told_whether_it_begins_that_is_said() -> None:
    unclear = leaf("absence", after=field("data.a", "gte", 1), without=ANSWERED, within_s=60)
    verdict = answer(unclear, make_event(data={"a": "text"}))
    assert verdict.error == "whether this event arms it cannot be told"
    narrowed = {**unclear, "config": {**unclear["config"], "from_user": "bea"}}
    assert answer(narrowed, make_event(data={"a": "text"})).error is None


def test_the_eight_keys_are_part_of_what_begins_it() -> None:
    by_ana = {**QUIET, "config": {**QUIET["config"], "from_user": "ana"}}
    (want,) = absences(by_ana)
    assert holds(want.after, QUESTION) is True
    assert holds(want.after, make_event(kinds=("message",), actor="bea")) is False
    # Not of the event that says that the time is up: nobody wrote that.
    assert at_the_end(tree=by_ana, watch=want.name) is True


def test_its_name_stays_as_long_as_it_means_the_same() -> None:
    def name(**over: Any) -> str:
        (want,) = absences(normalise(leaf("absence", **{**QUIET["config"], **over})))
        return want.name

    same = [name(), name(counts_from="first"), name(from_user=""), name(case_sensitive=None)]
    assert len(set(same)) == 1
    assert name(after=[ASKED]) == name(after={"any": [ASKED]})
    others = [name(within_s=60), name(counts_from="last"), name(without=ASKED), name(from_user="ana")]
    assert len({*same, *others}) == 5


@pytest.mark.parametrize(
    ("tree", "count"),
    [
        (QUIET, 1),
        ([QUIET, QUIET], 1),
        ({"all": [ASKED, {"none": [QUIET, leaf("absence", after=ASKED, without=ASKED, within_s=1)]}]}, 2),
        (ASKED, 0),
        ("absence", 0),
        ({**QUIET, "version": 2}, 0),
        (leaf("absence", after=ASKED), 0),
        ({"type": "absence", "config": 5}, 0),
        (leaf("absence", after=ASKED, without=ASKED, within_s="long"), 0),
    ],
)
def test_the_absences_of_a_tree_are_found(tree: Any, count: int) -> None:
    assert len(absences(tree)) == count


def test_one_that_is_too_deep_to_be_asked_is_none() -> None:
    tree: Any = QUIET
    for _ in range(15):
        tree = {"all": [tree]}
    assert len(absences(tree)) == 1
    assert absences({"all": [tree]}) == ()


@pytest.mark.parametrize(
    ("config", "where", "code"),
    [
        ({"without": ANSWERED, "within_s": 60}, "after", "required"),
        ({"after": ASKED, "without": ANSWERED, "within_s": 0}, "within_s", "out_of_range"),
        ({"after": ASKED, "without": ANSWERED, "within_s": 60, "counts_from": "end"}, "counts_from", "not_one_of"),
        ({"after": ASKED, "without": QUIET, "within_s": 60}, "without", "nested_history"),
        (
            {"after": ASKED, "without": leaf("count", at_least=2, within_s=60), "within_s": 60},
            "without",
            "nested_history",
        ),
    ],
)
def test_an_absence_that_cannot_work_is_refused_where_it_is_wrong(
    config: dict[str, Any], where: str, code: str
) -> None:
    (problem,) = validate([{"type": "absence", "config": config}])
    assert (problem.path, problem.code) == (f"conditions[0].config.{where}", code)
