"""Reason trees are shown with the mark they earned, and the leaf that decided stands out."""

from typing import Any

import pytest

from dct_site.templatetags.trees import group_words, shown_tree, shown_values

pytestmark = pytest.mark.one_pass


def leaf(holds: bool | None, label: str = "x") -> dict[str, Any]:
    return {"kind": "leaf", "label": label, "holds": holds, "expected": "a", "actual": "b", "children": [], "note": ""}


def group(kind: str, holds: bool | None, *children: dict[str, Any], label: str = "") -> dict[str, Any]:
    return {"kind": kind, "label": label or kind, "holds": holds, "children": list(children)}


def culprits(node: dict[str, Any]) -> list[str]:
    found = [node["label"]] if node["is_culprit"] else []
    return found + [label for child in node["children"] for label in culprits(child)]


def test_the_false_leaf_of_all_is_what_decided() -> None:
    tree = shown_tree(group("all", False, leaf(True, "kept"), leaf(False, "guilty")))
    assert culprits(tree) == ["guilty"]
    assert tree["tone"] == "bad"
    assert [child["tone"] for child in tree["children"]] == ["good", "bad"]


def test_the_true_leaf_of_none_is_what_decided() -> None:
    tree = shown_tree(group("all", False, group("none", False, leaf(False, "fine"), leaf(True, "guilty"))))
    assert culprits(tree) == ["guilty"]


def test_the_whole_group_is_blamed_when_none_had_to_hold_and_a_group_did() -> None:
    tree = shown_tree(group("none", False, group("any", True, leaf(True, "inner"))))
    assert culprits(tree) == []
    assert tree["children"][0]["tone"] == "bad"


def test_a_leaf_under_none_that_does_not_hold_is_grey() -> None:
    tree = shown_tree(group("none", True, leaf(False)))
    assert tree["children"][0]["tone"] == "off"
    assert culprits(tree) == []


def test_what_could_not_be_told_is_a_warning_even_when_it_decided() -> None:
    tree = shown_tree(group("all", None, leaf(True), leaf(None, "broken")))
    assert culprits(tree) == ["broken"]
    assert tree["children"][1]["tone"] == "warn"


def test_a_group_says_how_many_of_its_parts_hold() -> None:
    assert group_words("all", 3, 4) == "of these must hold; 3 of 4 do"
    assert group_words("all", 1, 4) == "of these must hold; 1 of 4 does"
    assert group_words("any", 1, 2) == "of these is enough; 1 holds"
    assert group_words("any", 2, 2) == "of these is enough; 2 hold"
    assert group_words("any", 0, 2) == "of these is enough; none holds"
    assert group_words("none", 0, 2) == "of these may hold; none does"
    assert group_words("none", 2, 2) == "of these may hold; 2 do"


def test_a_named_group_keeps_its_name_and_a_plain_one_has_none() -> None:
    assert shown_tree(group("all", True, leaf(True), label="new comment"))["label"] == "new comment"
    assert shown_tree(group("all", True, leaf(True)))["label"] == ""


def test_values_are_shown_piece_by_piece_and_long_ones_say_how_long_they_are() -> None:
    assert shown_values(None) == shown_values("") == []
    assert shown_values(["a", 1, True]) == ["a", "1", "true"]
    assert shown_values({"a": None}) == ['{"a": null}']
    assert shown_values("x" * 600)[0].endswith("… (600 characters)")
