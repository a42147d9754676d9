"""What may be stored: the limits, the shapes, and messages that name the wrong place."""

from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import leaf
from triggers.conditions.schema import Problem, catalogue, normalise, validate

pytestmark = pytest.mark.one_pass

COMMENT = leaf("new_comment")


def nested(groups: int) -> Any:
    tree: Any = COMMENT
    for _ in range(groups):
        tree = {"all": [tree]}
    return tree


ACCEPTED = [
    COMMENT,
    [COMMENT],
    {"all": [COMMENT]},
    {"any": [{"type": "new_comment"}, {"none": [COMMENT]}]},
    {"type": "new_comment", "version": 1},
    nested(15),
    [COMMENT] * 500,
    leaf("new_comment", search_string="x" * 10_000),
]


@pytest.mark.parametrize("tree", ACCEPTED, ids=range(len(ACCEPTED)))
def test_a_sound_tree_is_accepted(tree: Any) -> None:
    assert validate(tree) == []


REFUSED: list[tuple[str, Any, str, str]] = [
    ("an empty list", [], "conditions", "empty"),
    ("an empty group", {"all": []}, "conditions.all", "empty"),
    ("an empty group inside", {"all": [COMMENT, {"none": []}]}, "conditions.all[1].none", "empty"),
    ("nothing", None, "conditions", "wrong_shape"),
    ("an empty object", {}, "conditions", "wrong_shape"),
    ("two groups in one", {"all": [COMMENT], "any": [COMMENT]}, "conditions", "wrong_shape"),
    ("a group without a list", {"all": COMMENT}, "conditions", "wrong_shape"),
    ("text for a leaf", {"all": ["new_comment"]}, "conditions.all[0]", "wrong_shape"),
    ("a list in a list", [[COMMENT]], "conditions[0]", "wrong_shape"),
    ("too deep", nested(16), "conditions" + ".all[0]" * 16, "too_deep"),
    ("too many", [COMMENT] * 501, "conditions", "too_many"),
    ("far too many", [COMMENT] * 2_000, "conditions", "too_many"),
    ("too many in groups", [{"all": [COMMENT] * 300}, {"all": [COMMENT] * 300}], "conditions", "too_many"),
    ("an unknown type", [leaf("moon_phase")], "conditions[0].type", "unknown_type"),
    ("a type that is a number", [{"type": 1}], "conditions[0].type", "unknown_type"),
    ("an unknown version", [{"type": "field", "version": 9}], "conditions[0].version", "unknown_version"),
    ("a version that is true", [{"type": "field", "version": True}], "conditions[0].version", "unknown_version"),
    ("an unknown key of a leaf", [{**COMMENT, "if": 1}], "conditions[0].if", "unknown_key"),
    ("config as a list", [{"type": "new_comment", "config": []}], "conditions[0].config", "wrong_type"),
    ("a mistyped key", [leaf("new_comment", min_lenght=1)], "conditions[0].config.min_lenght", "unknown_key"),
    ("text for a number", [leaf("new_comment", min_length="3")], "conditions[0].config.min_length", "wrong_type"),
    ("true for a number", [leaf("new_comment", min_length=True)], "conditions[0].config.min_length", "wrong_type"),
    ("a number below nought", [leaf("new_comment", min_length=-1)], "conditions[0].config.min_length", "out_of_range"),
    ("text for a switch", [leaf("mention", case_sensitive="no")], "conditions[0].config.case_sensitive", "wrong_type"),
    ("an empty word", [leaf("mention", who=["a", ""])], "conditions[0].config.who[1]", "out_of_range"),
    ("a list that must not be empty", [leaf("sender", allow=[])], "conditions[0].config.allow", "out_of_range"),
    ("a missing list", [leaf("sender")], "conditions[0].config.allow", "required"),
    ("an unknown tier", [leaf("trust_tier", at_least="x")], "conditions[0].config.at_least", "not_one_of"),
    ("no words to look for", [leaf("string_match")], "conditions[0].config.search_string", "required"),
    ("empty words", [leaf("string_match", search_string="")], "conditions[0].config.search_string", "required"),
    ("a long text", [leaf("mention", from_user="x" * 10_001)], "conditions[0].config.from_user", "too_long"),
    ("NUL", [leaf("mention", who=["a\x00"])], "conditions[0].config.who[0]", "bad_text"),
    ("half a character", [leaf("mention", from_user="\ud800")], "conditions[0].config.from_user", "bad_text"),
    ("a long key", [leaf("mention", **{"k" * 10_001: 1})], "conditions[0].config", "too_long"),
    ("infinity", [leaf("mention", min_length=float("inf"))], "conditions[0].config.min_length", "not_finite"),
    ("a huge number", [leaf("mention", min_length=10**18)], "conditions[0].config.min_length", "too_large"),
    ("a deep value", [leaf("mention", who=[[[[[]]]]])], "conditions[0].config.who[0][0][0]", "too_deep"),
]


@pytest.mark.parametrize(("tree", "path", "code"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_wrong_tree_is_refused_at_the_place_that_is_wrong(tree: Any, path: str, code: str) -> None:
    (problem,) = validate(tree)
    assert (problem.path, problem.code) == (path, code)
    assert problem.message.endswith(".")
    assert "\n" not in problem.message


def test_a_problem_is_one_sentence_that_names_its_path() -> None:
    tree = {"all": [COMMENT, leaf("new_comment", min_length="3")]}
    path = "conditions.all[1].config.min_length"
    assert validate(tree) == [Problem(path, "wrong_type", f"{path} must be a whole number.")]


def test_every_problem_is_told_at_once() -> None:
    tree = {"all": [leaf("moon"), leaf("sender"), {"any": []}, leaf("new_comment", a=1, b=2)]}
    assert [problem.code for problem in validate(tree)] == [
        "unknown_type",
        "required",
        "empty",
        "unknown_key",
        "unknown_key",
    ]


def test_the_root_of_the_paths_can_be_named() -> None:
    (problem,) = validate([], root="trigger.conditions")
    assert problem.path == "trigger.conditions"


def test_normalising_names_versions_and_reads_a_list_as_any() -> None:
    assert normalise([{"type": "new_comment"}]) == {"any": [{"type": "new_comment", "version": 1, "config": {}}]}
    assert normalise({"none": [COMMENT]}) == {"none": [{**COMMENT, "version": 1}]}
    assert normalise(normalise(nested(15))) == normalise(nested(15))


@pytest.mark.parametrize("tree", [None, {}, {"all": 1}, "x", nested(40)], ids=str)
def test_normalising_leaves_what_is_malformed_for_validation_to_name(tree: Any) -> None:
    assert len(validate(normalise(tree))) == len(validate(tree)) == 1


def test_the_catalogue_lists_each_type_with_its_schema() -> None:
    listed = {entry["type"]: entry for entry in catalogue()}
    assert list(listed) == sorted(listed)
    assert listed["sender"]["schema"]["required"] == ["allow"]
