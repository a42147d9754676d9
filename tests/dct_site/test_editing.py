"""Stored conditions become an editor without losing anything."""

from typing import Any

import pytest

from dct_site.templatetags.editing import editable_leaf, editable_tree, marks
from triggers.conditions.schema import catalogue

pytestmark = pytest.mark.one_pass

LEAVES = catalogue()


def fields(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {field["key"]: field for field in node["main"] + node["more"]}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf["type"])
def test_every_known_leaf_offers_every_key_of_its_schema(leaf: dict[str, Any]) -> None:
    assert set(fields(editable_leaf(leaf, {}))) == set(leaf["schema"]["properties"])


@pytest.mark.parametrize("stored", [None, [], {}, {"all": []}])
def test_nothing_stored_is_an_empty_group(stored: Any) -> None:
    root = editable_tree(stored, LEAVES)
    assert root["is_group"]
    assert root["children"] == []


def test_a_plain_list_is_read_as_any() -> None:
    assert editable_tree([{"type": "new_comment"}], LEAVES)["kind"] == "any"


def test_a_single_leaf_gets_a_group_around_it() -> None:
    root = editable_tree({"type": "new_comment"}, LEAVES)
    assert (root["kind"], root["children"][0]["type"]) == ("all", "new_comment")


def test_values_come_back_as_a_person_types_them() -> None:
    config = {"contains_keywords": ["a", "b"], "min_length": 0, "case_sensitive": True, "from_user": "mona"}
    leaf = editable_tree({"all": [{"type": "new_comment", "config": config}]}, LEAVES)["children"][0]
    shown = fields(leaf)
    assert shown["contains_keywords"]["value"] == "a, b"
    assert shown["min_length"]["value"] == "0"
    assert shown["case_sensitive"]["checked"]
    assert shown["from_user"]["kind"] == "text"


def test_a_detail_that_is_set_never_hides_in_the_fold() -> None:
    leaf = editable_tree({"all": [{"type": "new_comment", "config": {"to_status": "open"}}]}, LEAVES)["children"][0]
    assert "to_status" in {field["key"] for field in leaf["main"]}


def test_the_value_of_a_field_keeps_its_json_type() -> None:
    config = {"path": "data.n", "operator": "equals", "value": 3}
    leaf = editable_tree({"all": [{"type": "field", "config": config}]}, LEAVES)["children"][0]
    value = fields(leaf)["value"]
    assert (value["kind"], value["value"]) == ("json", "3")


def test_a_leaf_unknown_here_is_kept_as_it_is() -> None:
    leaf = editable_tree({"all": [{"type": "moon_phase", "config": {"full": True}}]}, LEAVES)["children"][0]
    assert (leaf["type"], leaf["kept"]) == ("moon_phase", '{"full": true}')


def test_a_tree_inside_a_leaf_is_a_tree_to_edit_that_offers_only_what_looks_at_one_event() -> None:
    config = {"after": [{"type": "new_message"}], "without": {"type": "mention", "config": {"who": ["ana"]}}}
    leaf = editable_tree({"all": [{"type": "absence", "config": config}]}, LEAVES)["children"][0]
    assert leaf["consults_events"]
    shown = fields(leaf)
    assert (shown["after"]["kind"], shown["after"]["is_main"]) == ("tree", True)
    assert shown["after"]["root"]["kind"] == "any"
    (mention,) = shown["without"]["root"]["children"]
    assert fields(mention)["who"]["value"] == "ana"
    assert not mention["consults_events"]
    assert fields(editable_leaf(leaf={**LEAVES[0]}, config={}))["after"]["root"]["children"] == []


def test_what_is_no_tree_where_one_should_be_is_an_empty_one() -> None:
    leaf = editable_tree({"all": [{"type": "absence", "config": {"after": 5}}]}, LEAVES)["children"][0]
    assert fields(leaf)["after"]["root"]["children"] == []


def test_marks_reach_into_a_tree_inside_a_leaf() -> None:
    path = "/all/0/config/then"
    line = {"path": f"{path}/any/0/config/who", "holds": False, "actual": "nobody"}
    other = {"path": f"{path}/any/1", "holds": None}
    group = {"path": path, "holds": False, "actual": "0 of 1", "children": [line, other]}
    then = {"path": path, "holds": False, "children": [group]}
    found = marks({"path": "/all/0", "holds": False, "children": [then]})
    assert {place: mark["holds"] for place, mark in found.items()} == {
        "/all/0": False,
        path: False,
        f"{path}/any/0": False,
        f"{path}/any/1": None,
    }
    assert found[f"{path}/any/0"]["actual"] == "nobody"


def test_marks_carry_the_verdict_of_each_part_of_the_tree() -> None:
    line = {"path": "/all/0/config/from_user", "holds": False, "actual": "bob", "note": "", "children": []}
    part = {"path": "/all/0", "holds": None, "actual": "", "note": "gone", "children": [line]}
    found = marks({"path": "", "holds": True, "actual": "1 of 1 holds", "children": [part]})
    assert set(found) == {"", "/all/0"}
    assert found["/all/0"]["holds"] is None
    assert marks(None) == {}
