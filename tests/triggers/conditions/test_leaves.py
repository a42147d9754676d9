"""Every leaf: when it holds, when it does not, and which schema it has."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import answer, holds, leaf, make_event
from triggers.conditions.checks import Check
from triggers.conditions.facts import EventFacts, TrustTier
from triggers.conditions.leaves import LEAVES
from triggers.conditions.leaves.new_comment import LEAF as NEW_COMMENT
from triggers.conditions.registry import Leaf, Leaves
from triggers.conditions.schema import catalogue, validate

pytestmark = pytest.mark.one_pass

MOVED = make_event(changes={"status": ("In progress", "Done")})
GIVEN = make_event(changes={"assignee": (None, "bea")})
RAISED = make_event(changes={"priority": ("Low", "High")})
COMMENT = make_event(kinds=("comment",), text="  Please refund the invoice, Übergabe  ", title="Refund", actor="Ana")
MANY = [*(f"parcel {at}" for at in range(9_999)), "refund"]
AT_NINE = make_event(time=datetime(2026, 11, 20, 9, tzinfo=UTC))
PING = make_event(mentions=("bea", "cem"), is_reply=True, kinds=("message", "reply"))

CASES: list[tuple[str, dict[str, Any], EventFacts, bool]] = [
    ("any change of status", leaf("status_change"), MOVED, True),
    ("empty strings ask nothing", leaf("status_change", from_status="", to_status=""), MOVED, True),
    ("nulls ask nothing", leaf("status_change", from_status=None, contains_keywords=None), MOVED, True),
    ("to the asked status, case aside", leaf("status_change", to_status="DONE"), MOVED, True),
    ("case matters on request", leaf("status_change", to_status="DONE", case_sensitive=True), MOVED, False),
    ("from and to", leaf("status_change", from_status="in progress", to_status="done"), MOVED, True),
    ("from another status", leaf("status_change", from_status="Open", to_status="Done"), MOVED, False),
    ("no change of status", leaf("status_change"), GIVEN, False),
    ("a pair of equals is no change", leaf("status_change"), make_event(changes={"status": ("a", "a")}), False),
    (
        "to a status that is no text",
        leaf("status_change", to_status="1"),
        make_event(changes={"status": (0, 1)}),
        False,
    ),
    ("any new assignee", leaf("assignee_change"), GIVEN, True),
    ("the asked assignee", leaf("assignee_change", new_assignee="Bea"), GIVEN, True),
    ("another assignee", leaf("assignee_change", new_assignee="cem"), GIVEN, False),
    ("assignee asked where none changed", leaf("status_change", new_assignee="bea"), MOVED, False),
    ("any priority", leaf("priority_change"), RAISED, True),
    ("from and to a priority", leaf("priority_change", from_priority="low", to_priority="high"), RAISED, True),
    ("to another priority", leaf("priority_change", to_priority="Highest"), RAISED, False),
    ("no change of priority", leaf("priority_change", to_priority="High"), MOVED, False),
    ("a comment", leaf("new_comment"), COMMENT, True),
    ("no comment", leaf("new_comment"), PING, False),
    ("a message", leaf("new_message"), PING, True),
    ("no message", leaf("new_message"), COMMENT, False),
    ("words in the text", leaf("string_match", search_string="INVOICE"), COMMENT, True),
    ("words in the title", leaf("string_match", search_string="refund", case_sensitive=False), COMMENT, True),
    ("words in the subject", leaf("string_match", search_string="app#7"), COMMENT, True),
    ("words that are not there", leaf("string_match", search_string="parcel"), COMMENT, False),
    ("case of words on request", leaf("string_match", search_string="INVOICE", case_sensitive=True), COMMENT, False),
    ("exact case on request", leaf("string_match", search_string="invoice", case_sensitive=True), COMMENT, True),
    ("an umlaut typed as two characters", leaf("string_match", search_string="U\u0308BERGABE"), COMMENT, True),
    ("one of the keywords", leaf("string_match", contains_keywords=["parcel", "Refund"]), COMMENT, True),
    ("none of the keywords", leaf("string_match", contains_keywords=["parcel", "stamp"]), COMMENT, False),
    ("one of ten thousand keywords", leaf("string_match", contains_keywords=MANY), COMMENT, True),
    ("all keys by AND", leaf("new_comment", search_string="invoice", from_user="ANA", min_length=5), COMMENT, True),
    ("one key of many fails", leaf("new_comment", search_string="invoice", from_user="bea"), COMMENT, False),
    ("long enough without the blanks around", leaf("new_comment", min_length=35), COMMENT, True),
    ("one character short", leaf("new_comment", min_length=36), COMMENT, False),
    ("a length of nought asks nothing", leaf("new_comment", min_length=0), COMMENT, True),
    ("from nobody", leaf("new_message", from_user="ana"), make_event(kinds=("message",), actor=""), False),
    ("somebody is mentioned", leaf("mention"), PING, True),
    ("nobody is mentioned", leaf("mention"), COMMENT, False),
    ("one of the asked", leaf("mention", who=["@BEA", "dan"]), PING, True),
    ("none of the asked", leaf("mention", who=["dan"]), PING, False),
    ("a reply", leaf("thread_reply"), PING, True),
    ("no reply", leaf("thread_reply"), COMMENT, False),
    ("an allowed sender", leaf("sender", allow=["bea", "ana"]), COMMENT, True),
    ("a sender by exact case", leaf("sender", allow=["ana"], case_sensitive=True), COMMENT, False),
    ("another sender", leaf("sender", allow=["bea"]), COMMENT, False),
    ("an unnamed sender", leaf("sender", allow=["bea"]), make_event(actor=""), False),
    ("within the hours", leaf("time_window", zone="UTC", days=["fri"], to="17:00"), AT_NINE, True),
    ("on another day", leaf("time_window", zone="UTC", days=["sat"]), AT_NINE, False),
    ("enough trust", leaf("trust_tier", at_least="verified"), make_event(trust_tier=TrustTier.ALLOWED), True),
    ("just enough trust", leaf("trust_tier", at_least="verified"), make_event(trust_tier=TrustTier.VERIFIED), True),
    ("too little trust", leaf("trust_tier", at_least="verified"), make_event(), False),
]


@pytest.mark.parametrize(("tree", "event", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_leaf_holds_exactly_when_it_should(tree: dict[str, Any], event: EventFacts, expected: bool) -> None:
    assert validate(tree) == []
    verdict = answer(tree, event)
    assert (verdict.matched, verdict.error) == (expected, None)


@pytest.mark.parametrize("type_", LEAVES.types())
def test_every_leaf_is_tried_both_ways(type_: str) -> None:
    tried = {expected for _, tree, _, expected in CASES if tree["type"] == type_}
    assert tried == {True, False} or type_ in ("field", "count", "sequence", "absence")


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry["type"])
def test_every_leaf_takes_the_design_documents_eight_keys(entry: dict[str, Any]) -> None:
    keys = "search_string case_sensitive from_status to_status new_assignee min_length from_user contains_keywords"
    assert set(keys.split()) <= set(entry["schema"]["properties"])
    assert entry["schema"]["additionalProperties"] is False
    assert entry["title"]
    assert entry["about"]
    assert not entry["about"].endswith(".")


def test_a_type_is_registered_once() -> None:
    leaves = Leaves()
    leaves.register(NEW_COMMENT)
    with pytest.raises(ValueError, match="new_comment version 1 is registered twice"):
        leaves.register(NEW_COMMENT)


def test_a_leaf_keeps_its_old_version_beside_the_new_one() -> None:
    leaves = Leaves()
    newer = Leaf(type="new_comment", version=2, title="Newer", ask=lambda asked: (Check("", True, "", ""),))
    leaves.register(NEW_COMMENT)
    leaves.register(newer)
    assert leaves.versions("new_comment") == (1, 2)
    assert leaves.find("new_comment") is NEW_COMMENT
    assert leaves.find("new_comment", 2) is newer


@pytest.mark.parametrize("version", [True, "1", 1.0, None, 3])
def test_a_version_that_does_not_exist_finds_no_leaf(version: object) -> None:
    assert LEAVES.find("new_comment", version) is None
    assert holds({"type": "new_comment", "version": version}) is None
