"""The field leaf: paths, operators, and what is missing or of another type."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import answer, field, holds, make_event, make_item
from triggers.conditions.facts import EventFacts
from triggers.conditions.operators import Operator
from triggers.conditions.schema import validate
from triggers.conditions.tree import normalise

pytestmark = pytest.mark.one_pass

DATA: dict[str, Any] = {
    "branch": "release/1.2_x",
    "count": 5,
    "ratio": 0.5,
    "flag": True,
    "none": None,
    "labels": ["Bug", "billing"],
    "due": "2026-11-20T09:00:00Z",
    "pull": {"base.ref": "main", "files": [{"name": "a.py"}]},
    "empty": "",
    "address": "10.1.2.3",
    "mapped": "::ffff:10.1.2.3",
    "six": "2001:db8::1",
}
EVENT = make_event(
    data=DATA,
    time=datetime(2026, 11, 20, 9, tzinfo=UTC),
    kinds=("comment",),
    changes={
        "status": ("Open", "Done"),
        "labels": (["a"], ["a", "b"]),
        "fields.due": (None, "2026"),
        "same": (1, 1),
        "typed": (1, True),
    },
)

HOLDS = [
    field("data.branch", "equals", "RELEASE/1.2_X"),
    field("data.count", "equals", 5.0),
    field("data.none", "equals", None),
    field("data.branch", "not_equals", "main"),
    field("data.count", "in", ["5", 5]),
    field("data.count", "not_in", ["5", 4]),
    field("data.none", "not_in", ["x"]),
    field("data.address", "cidr", ["192.168.0.0/16", "10.0.0.0/8"]),
    field("data.mapped", "cidr", ["10.0.0.0/8"]),
    field("data.six", "cidr", ["2001:db8::/32"]),
    field("data.branch", "prefix", "Release/"),
    field("data.branch", "suffix", "_x"),
    field("data.branch", "contains", "/1."),
    field("data.labels", "contains", "bug"),
    field("data.labels.1", "equals", "billing"),
    field("data.pull.base\\.ref", "equals", "main"),
    field("data.pull.files.0.name", "suffix", ".py"),
    field("data.branch", "glob", "release/*.?_x"),
    field("data.branch", "matches", r"^release/\d+\.\d"),
    field("data.count", "gte", 5),
    field("data.ratio", "lte", 1),
    field("data.count", "between", [0, 5]),
    field("data.due", "between", ["2026-11-20", "2026-11-21T00:00:00+02:00"]),
    field("event.time", "gte", "2026-11-20T08:59:59Z"),
    field("event.kinds", "contains", "comment"),
    field("event.trust_tier", "equals", "open"),
    field("event.is_reply", "equals", False),
    field("data.count", "exists"),
    field("data.none", "absent"),
    field("data.nowhere", "absent"),
    field("changes.status", "equals", "Done"),
    field("changes.status.old", "equals", "open"),
    field("changes.status.new", "equals", "done"),
    field("changes.fields.due.new", "equals", "2026"),
    field("changes.status", "changed"),
    field("changes.fields.due", "changed"),
    field("changes.typed", "changed"),
    field("changes.labels", "changed"),
    field("changes.status", "changed_from", "Open"),
    field("changes.status", "changed_to", "Done"),
    field("changes.same", "unchanged"),
    field("changes.other", "unchanged"),
    field("item.state.status", "equals", "Open"),
    field("item.version", "gte", 3),
    field("item.key", "prefix", "OPS-"),
]

DOES_NOT_HOLD = [
    field("data.branch", "equals", "RELEASE/1.2_X", case_sensitive=True),
    field("data.flag", "equals", 1),
    field("data.count", "equals", True),
    field("data.labels", "equals", "bug"),
    field("data.branch", "not_equals", "release/1.2_x"),
    field("data.count", "in", [1, 2]),
    field("data.branch", "not_in", ["main", "RELEASE/1.2_x"]),
    field("data.nowhere", "not_in", ["main"]),
    field("data.address", "cidr", ["10.2.0.0/16", "2001:db8::/32"]),
    field("data.six", "cidr", ["0.0.0.0/0"]),
    field("data.none", "cidr", ["0.0.0.0/0"]),
    field("data.nowhere", "cidr", ["0.0.0.0/0"]),
    field("data.branch", "prefix", "elease"),
    field("data.none", "prefix", "x"),
    field("data.branch", "suffix", "1.2"),
    field("data.count", "lte", 4.9),
    field("data.zero", "between", [0, 1]),
    field("data.none", "glob", "*"),
    field("data.none", "gte", 1),
    field("data.labels", "contains", "bugs"),
    field("data.branch", "glob", "release"),
    field("data.branch", "glob", "release/1?2.x"),
    field("data.branch", "matches", "^main$"),
    field("data.count", "gte", 6),
    field("data.count", "between", [6, 9]),
    field("data.count", "between", [1, 4]),
    field("data.none", "exists"),
    field("data.nowhere", "exists"),
    field("data.count", "absent"),
    field("changes.status", "unchanged"),
    field("changes.same", "changed"),
    field("changes.status", "changed_from", "Done"),
    field("changes.status", "changed_to", "Open"),
    field("changes.other", "changed_to", "Open"),
    field("changes.status.middle", "exists"),
    field("changes.status", "equals", "Done", to_status="Open"),
]

CANNOT_TELL = [
    (field("data.count", "prefix", "5"), "data.count is a number, not text"),
    (field("data.flag", "matches", "t"), "data.flag is true or false, not text"),
    (field("data.pull", "glob", "*"), "data.pull is an object, not text"),
    (field("data.labels", "suffix", "x"), "data.labels is a list, not text"),
    (field("data.branch", "contains", 1), "data.branch text can only contain text"),
    (field("data.branch", "gte", 1), "data.branch is text, which has no order with 1"),
    (field("data.flag", "lte", 1), "data.flag is true or false, which has no order with 1"),
    (field("data.branch", "cidr", ["10.0.0.0/8"]), "data.branch is text, which is no IP address"),
    (field("data.count", "cidr", ["10.0.0.0/8"]), "data.count is a number, not an IP address"),
    (field("data.due", "between", [1, 2]), "data.due is text, which has no order with 1"),
]


def _name(tree: dict[str, Any]) -> str:
    return " ".join(str(part) for part in tree["config"].values())


@pytest.mark.parametrize("tree", HOLDS, ids=_name)
def test_a_field_holds(tree: dict[str, Any]) -> None:
    assert validate(tree) == []
    assert holds(tree, EVENT, make_item()) is True


@pytest.mark.parametrize("tree", DOES_NOT_HOLD, ids=_name)
def test_a_field_does_not_hold(tree: dict[str, Any]) -> None:
    assert validate(tree) == []
    assert holds(tree, EVENT, make_item()) is False


@pytest.mark.parametrize(("tree", "why"), CANNOT_TELL, ids=[_name(tree) for tree, _ in CANNOT_TELL])
def test_a_value_of_the_wrong_type_is_an_error_and_not_a_no(tree: dict[str, Any], why: str) -> None:
    assert validate(tree) == []
    assert answer(tree, EVENT).error == why


@pytest.mark.parametrize("operator", Operator)
def test_every_operator_is_tried_both_ways(operator: Operator) -> None:
    assert any(tree["config"]["operator"] == operator for tree in HOLDS)
    assert any(tree["config"]["operator"] == operator for tree in DOES_NOT_HOLD)


@pytest.mark.parametrize(
    "path", ["data.x", "data.labels.9", "data.labels.-1", "data.labels.²", "data.count.x", "item.key"]
)
def test_a_missing_field_never_holds_and_says_so(path: str) -> None:
    for tree in (field(path, "equals", "x"), field(path, "not_equals", "x"), field(path, "gte", 1)):
        verdict = answer(tree, EVENT)
        assert (verdict.matched, verdict.error) == (False, None)
        assert verdict.because.actual == "is not there"


@pytest.mark.parametrize(
    ("config", "where", "code"),
    [
        ({"path": "status", "operator": "exists"}, "path", "bad_path"),
        ({"path": "data", "operator": "exists"}, "path", "bad_path"),
        ({"path": "data..x", "operator": "exists"}, "path", "bad_path"),
        ({"path": "secrets.x", "operator": "exists"}, "path", "bad_path"),
        ({"path": "event.__class__", "operator": "exists"}, "path", "bad_path"),
        ({"path": "item.status", "operator": "exists"}, "path", "bad_path"),
        ({"path": "data." + "x" * 500, "operator": "exists"}, "path", "bad_path"),
        ({"path": "data.x", "operator": "changed"}, "path", "bad_path"),
        ({"path": "data.x", "operator": "is"}, "operator", "not_one_of"),
        ({"path": "data.x"}, "operator", "required"),
        ({"path": "data.x", "operator": "exists", "value": 1}, "value", "unknown_key"),
        ({"path": "data.x", "operator": "equals"}, "value", "required"),
        ({"path": "data.x", "operator": "equals", "value": []}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "contains", "value": ""}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "prefix", "value": ""}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "in", "value": []}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "in", "value": [[]]}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "gte", "value": "soon"}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "gte", "value": True}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "between", "value": 1}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "between", "value": [1, "2026-01-01"]}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "between", "value": [1, None]}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "between", "value": [2, 1]}, "value", "wrong_order"),
        ({"path": "data.x", "operator": "not_in", "value": "x"}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "cidr", "value": []}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "cidr", "value": "10.0.0.0/8"}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "cidr", "value": ["10.0.0.1/8"]}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "cidr", "value": ["10.0.0.1"]}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "cidr", "value": [10]}, "value", "wrong_type"),
        ({"path": "data.x", "operator": "matches", "value": "("}, "value", "bad_pattern"),
        ({"path": "data.x", "operator": "glob", "value": "é" * 501}, "value", "bad_pattern"),
    ],
)
def test_a_field_that_cannot_work_is_refused_where_it_is_wrong(config: dict[str, Any], where: str, code: str) -> None:
    (problem,) = validate([{"type": "field", "config": config}])
    assert (problem.path, problem.code) == (f"conditions[0].config.{where}", code)
    assert problem.message.startswith(problem.path)
    assert problem.message.endswith(".")


def test_a_number_that_is_not_finite_has_no_order() -> None:
    event = make_event(data={"x": float("nan")})
    assert holds(field("data.x", "gte", 1), event) is None


def test_an_event_without_a_time_has_none() -> None:
    assert holds(field("event.time", "exists"), make_event()) is False


def test_normalising_a_field_changes_nothing_about_its_answer() -> None:
    for tree in (*HOLDS, *DOES_NOT_HOLD):
        assert holds(normalise(tree), EVENT, make_item()) is holds(tree, EVENT, make_item())


def test_facts_read_by_a_path_are_the_facts_and_no_attribute() -> None:
    assert isinstance(EVENT, EventFacts)
    assert holds(field("data.__class__", "exists"), EVENT) is False
