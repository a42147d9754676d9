"""Conditions and verdicts in words."""

from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import answer, field, leaf, make_event
from triggers.conditions.describe import Line, culprits, describe, describe_lines, summary
from triggers.conditions.leaves import LEAVES

pytestmark = pytest.mark.one_pass

MAIN = field("data.branch", "equals", "main")
BY_BOT = leaf("sender", allow=["bot", "ci"])
MAIN_WORDS = "data.branch is main"
BOTH_WORDS = "the sender is any of bot, ci or data.branch is main"


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (leaf("status_change", to_status="open"), "the status changes and its status becomes open"),
        (leaf("status_change", from_status="new"), "the status changes and its status was new"),
        (leaf("assignee_change", new_assignee="bea"), "the assignee changes and it is assigned to bea"),
        (leaf("priority_change"), "the priority changes"),
        (leaf("priority_change", from_priority="Low", to_priority="High"), "the priority changes from Low to High"),
        (leaf("new_comment", min_length=9), "there is a new comment and its text has at least 9 characters"),
        (leaf("new_message", from_user="ana"), "there is a new message and it comes from ana"),
        (leaf("string_match", search_string="vat"), "its text contains “vat”"),
        (leaf("string_match", contains_keywords=["a", "b"]), "its text contains any of a, b"),
        (leaf("mention"), "it mentions somebody"),
        (leaf("mention", who=["ana"]), "it mentions any of ana"),
        (leaf("thread_reply"), "it is a reply"),
        (BY_BOT, "the sender is any of bot, ci"),
        (leaf("trust_tier", at_least="verified"), "trust is at least verified sender"),
        (leaf("count", at_least=3, within_s=600), "it happens at least 3 times in 600 s for one item"),
        (
            leaf("count", at_least=3, within_s=60, per="connection", distinct="event.actor"),
            "it happens at least 3 times with different event.actor in 60 s for one connection",
        ),
        (
            leaf("sequence", first=leaf("new_message"), then=[leaf("mention"), leaf("thread_reply")], within_s=60),
            (
                "(it mentions somebody or it is a reply), after another event within 60 s for one item:"
                " there is a new message"
            ),
        ),
        (
            leaf("sequence", first=leaf("new_message"), then=MAIN, within_s=9, per="connection", same_by="data.id"),
            (
                f"{MAIN_WORDS}, after another event with the same data.id within 9 s for one connection:"
                " there is a new message"
            ),
        ),
        (
            leaf("absence", after=leaf("new_message"), without=leaf("thread_reply"), within_s=60, from_user="ana"),
            "there is a new message and it comes from ana, and for 60 s nothing of this comes: it is a reply",
        ),
        (
            leaf("absence", after=leaf("mention"), without=leaf("thread_reply"), within_s=60, counts_from="last"),
            "it mentions somebody, and for 60 s after the last such event nothing of this comes: it is a reply",
        ),
        (leaf("time_window", zone="UTC"), "it happens on any day from 00:00 to 24:00 in UTC"),
        (
            leaf("time_window", zone="Europe/Berlin", days=["sat", "sun"], **{"from": "22:00", "to": "06:00"}),
            "it happens sat, sun from 22:00 to 06:00 in Europe/Berlin",
        ),
        (MAIN, "data.branch is main"),
        (field("data.branch", "equals", ""), "data.branch is empty text"),
        (field("data.x", "in", [1, "b"]), "data.x is one of 1, b"),
        (field("data.x", "between", [1, 2]), "data.x is between 1 and 2"),
        (field("data.x", "absent"), "data.x is not there"),
        (leaf("moon_phase"), "an unknown condition (moon_phase)"),
        ([MAIN], "data.branch is main"),
        ([MAIN, BY_BOT], "data.branch is main or the sender is any of bot, ci"),
        (
            {"all": [MAIN, {"any": [BY_BOT, MAIN]}, {"none": [BY_BOT, MAIN]}, {"any": [MAIN]}]},
            f"{MAIN_WORDS} and ({BOTH_WORDS}) and none of ({BOTH_WORDS}) and {MAIN_WORDS}",
        ),
    ],
)
def test_conditions_read_as_a_clause(tree: Any, words: str) -> None:
    assert describe(tree) == words


def test_conditions_read_as_lines_with_their_paths() -> None:
    assert describe_lines({"all": [MAIN, {"none": [BY_BOT]}]}) == [
        Line(0, "", "all of"),
        Line(1, "/all/0", "data.branch is main"),
        Line(1, "/all/1", "none of"),
        Line(2, "/all/1/none/0", "the sender is any of bot, ci"),
    ]


def test_every_leaf_has_words() -> None:
    needed: dict[str, Any] = {
        "allow": ["a"],
        "at_least": "open",
        "zone": "UTC",
        "within_s": 60,
        "path": "data.x",
        "operator": "exists",
        "first": "there is a new message",
        "then": "there is a new comment",
        "after": "there is a new message",
        "without": "there is a new comment",
    }
    for one in LEAVES:
        assert one.words({name: needed[name] for name in one.required} or {"search_string": "x"})


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"all": [MAIN, leaf("mention")]}, "mentions: nobody is mentioned, wanted: anybody"),
        ({"all": [BY_BOT, MAIN]}, "sender: ana, wanted: any of bot, ci"),
        ({"all": [MAIN]}, "1 of 1 holds"),
        ({"any": [MAIN, MAIN, BY_BOT]}, "2 of 3 hold"),
        # What a condition asks besides its own question is no condition beside it.
        ({"any": [MAIN, leaf("mention", from_user="bot", min_length=9)]}, "1 of 2 holds"),
        ({"all": [field("data.branch", "gte", 1)]}, "data.branch is text, which has no order with 1"),
        ({"none": [BY_BOT, MAIN]}, "data.branch: main is excluded"),
        ({"none": [{"all": [MAIN]}]}, "data.branch: main is excluded"),
        ({"none": [{"none": [BY_BOT]}]}, "sender: ana, wanted: any of bot, ci"),
        ({"none": [{"none": [{"any": [BY_BOT]}]}]}, "sender: ana, wanted: any of bot, ci"),
        ([BY_BOT, leaf("new_comment")], "sender: ana, wanted: any of bot, ci; event is: of no known kind, "),
    ],
)
def test_a_verdict_is_summed_up_by_what_decided_it(tree: Any, words: str) -> None:
    assert summary(answer(tree, make_event(data={"branch": "main"}))).startswith(words)


def test_only_a_no_has_culprits() -> None:
    assert culprits(answer(MAIN, make_event(data={"branch": "main"})).because) == []
    assert [node.path for node in culprits(answer({"all": [MAIN, BY_BOT]}).because)] == [
        "/all/0/config/path",
        "/all/1/config/allow",
    ]
