"""The evaluator: three-valued groups, a reason for every leaf, and an error that is never a no."""

from itertools import product
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import answer, field, holds, leaf, leaves_of, make_event
from triggers.conditions import leaves
from triggers.conditions.evaluate import combined
from triggers.conditions.registry import Asked, Leaf, Leaves
from triggers.conditions.verdict import NodeKind

pytestmark = pytest.mark.one_pass

YES = field("event.actor", "exists")
NO = field("data.nowhere", "exists")
UNKNOWN = field("event.actor", "gte", 1)
OF: dict[bool | None, dict[str, Any]] = {True: YES, False: NO, None: UNKNOWN}


@pytest.mark.parametrize("answers", list(product([True, False, None], repeat=3)), ids=str)
def test_groups_follow_three_valued_logic(answers: tuple[bool | None, ...]) -> None:
    children = [OF[one] for one in answers]
    all_ = False if False in answers else None if None in answers else True
    any_ = True if True in answers else None if None in answers else False
    none = None if any_ is None else not any_
    assert [holds({"all": children}), holds({"any": children}), holds({"none": children})] == [all_, any_, none]


def test_groups_nest() -> None:
    assert holds({"all": [{"any": [NO, YES]}, {"none": [NO, {"all": [YES, NO]}]}]}) is True
    assert holds({"all": [YES, {"none": [YES]}]}) is False


def test_a_plain_list_is_read_as_any() -> None:
    verdict = answer([NO, YES])
    assert verdict.matched
    assert verdict.because.kind is NodeKind.ANY
    assert [child.path for child in verdict.because.children] == ["/any/0/config/path", "/any/1/config/path"]


def test_a_single_leaf_is_a_tree() -> None:
    verdict = answer(YES)
    assert verdict.matched
    assert verdict.because.path == "/config/path"


def test_nothing_is_skipped_because_the_answer_stood_already() -> None:
    verdict = answer({"all": [NO, YES, UNKNOWN, {"any": [YES, NO, UNKNOWN]}]})
    assert [node.holds for node in leaves_of(verdict.because)] == [False, True, None, True, False, None]
    assert all(node.expected and node.actual for node in leaves_of(verdict.because))


def test_a_group_says_how_much_of_it_holds() -> None:
    assert answer({"all": [YES, NO, UNKNOWN]}).because.actual == "1 of 3 holds, 1 cannot tell"
    assert answer({"any": [YES, YES]}).because.actual == "2 of 2 hold"


def test_an_error_is_not_a_no() -> None:
    verdict = answer({"all": [YES, UNKNOWN]})
    assert not verdict.matched
    assert verdict.error == "event.actor is text, which has no order with 1"


def test_an_error_that_does_not_matter_is_no_error() -> None:
    assert answer({"any": [YES, UNKNOWN]}).error is None
    assert answer({"all": [NO, UNKNOWN]}).error is None


def test_a_leaf_with_several_questions_answers_each_with_its_path() -> None:
    event = make_event(changes={"status": ("Open", "Done")})
    because = answer({"all": [leaf("status_change", to_status="Closed", from_user="ana")]}, event).because
    (node,) = because.children
    assert (node.kind, node.label, node.holds) == (NodeKind.ALL, "status change", False)
    assert [(child.path, child.holds, child.expected, child.actual) for child in node.children] == [
        ("/all/0", True, "a change", "Open → Done"),
        ("/all/0/config/to_status", False, "Closed", "Done"),
        ("/all/0/config/from_user", True, "ana", "ana"),
    ]


DEEP: Any = YES
for _ in range(2_000):
    DEEP = {"all": [DEEP]}

UNVALIDATED: list[tuple[Any, str]] = [
    ([], "the group is empty"),
    ({"all": []}, "the group is empty"),
    ({}, "this version of DCT knows no such condition: no type"),
    (None, "this version of DCT knows no such condition: no type"),
    ({"all": [YES], "any": [YES]}, "this version of DCT knows no such condition: no type"),
    ({"type": "moon_phase"}, "this version of DCT knows no such condition: moon_phase"),
    ({"type": ["field"]}, "this version of DCT knows no such condition: [field]"),
    ({"type": "field", "config": None}, "the condition failed: TypeError"),
    ({"type": "field"}, "the condition failed: KeyError"),
    ({"type": "string_match"}, "the condition asks for nothing"),
    (DEEP, "nested deeper than 16 groups"),
    (field("data.x", "matches", "("), "the condition failed: PatternError"),
]


@pytest.mark.parametrize(("tree", "why"), UNVALIDATED, ids=[why for _, why in UNVALIDATED])
def test_a_tree_that_was_never_validated_gives_an_error_and_no_exception(tree: Any, why: str) -> None:
    verdict = answer(tree, make_event(data={"x": "y"}))
    assert (verdict.matched, verdict.error) == (False, why)


def test_a_leaf_that_fails_spoils_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(_: Asked) -> Any:
        raise RecursionError

    broken = Leaves()
    broken.register(Leaf(type="burst", version=1, title="Burst", ask=burst))
    broken.register(leaves.field.LEAF)
    monkeypatch.setattr("triggers.conditions.evaluate.LEAVES", broken)
    verdict = answer({"any": [leaf("burst"), NO]})
    assert verdict.error == "the condition failed: RecursionError"
    assert answer({"any": [leaf("burst"), YES]}).matched


def test_nothing_settles_a_group_of_one_unknown() -> None:
    assert [combined(kind, [None]) for kind in (NodeKind.ALL, NodeKind.ANY, NodeKind.NONE)] == [None, None, None]
