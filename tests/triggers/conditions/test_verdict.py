"""Verdicts and reasons: their stored form, and how values from outside are shown."""

import json
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import answer, field, leaf, make_event
from triggers.conditions.verdict import Node, NodeKind, Verdict, shown

pytestmark = pytest.mark.one_pass


def test_a_verdict_survives_its_stored_form() -> None:
    tree = {"all": [leaf("status_change", to_status="x"), {"none": [field("event.actor", "gte", 1)]}]}
    verdict = answer(tree, make_event(changes={"status": ("y", "x")}))
    assert Verdict.from_json(json.loads(json.dumps(verdict.as_json()))) == verdict


def test_an_undecided_tree_without_a_note_is_still_an_error() -> None:
    assert Verdict.of(Node(NodeKind.LEAF, "x", "", None)).error == "nothing below could be decided"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("plain", "plain"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("a\x00b\x1b[31mc", "a\ufffdb\ufffd[31mc"),
        ("safe\u202egnp.exe", "safe\ufffdgnp.exe"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("\ud800", "\ufffd"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        (1 << 4_000, "a number of 4001 bits"),
        (["a", 1, None, ["b"]], "[a, 1, null, …]"),
        (("a",), "[a]"),
        ({"a": 1}, "an object with 1 fields"),
    ],
)
def test_a_value_is_shown_as_one_short_clean_line(value: Any, words: str) -> None:
    assert shown(value) == words
