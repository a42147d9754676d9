"""The worked examples of the how-to: each with an event for which it holds, and one that differs in what matters."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import Written, answer, holds, make_event, make_item
from triggers.conditions.absences import absences
from triggers.conditions.facts import EventFacts, ItemFacts, TrustTier
from triggers.conditions.history import Per
from triggers.conditions.leaves.absence import ELAPSED

pytestmark = pytest.mark.one_pass
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "write-conditions.md"
EXAMPLES = {
    title: json.loads(text)
    for title, text in re.findall(r"^## ([^\n]+)\n\n```json\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
}

OPENED = make_event(type="github.pull_request.opened", data={"pull_request": {"base": {"ref": "main"}, "draft": False}})
LABELLED = make_event(type="github.issues.labeled", data={"label": {"name": "Urgent"}})
COMPLAINT = make_event(kinds=("message",), text="I want to cancel my order, and a refund for the last one.")
ASKED = make_event(kinds=("comment",), mentions=("dana",))
REPLY = make_event(is_reply=True, trust_tier=TrustTier.ALLOWED)
TAG = make_event(type="github.create", data={"ref": "v1.20"})
AT_NIGHT = make_event(kinds=("message",), time=datetime(2026, 11, 20, 20, tzinfo=UTC))
FROM_OUTSIDE = make_event(data={"address": "192.0.2.7"})
HIGH, LOW = make_item(state={"priority": "High"}), make_item(state={"priority": "low"})
GIVEN = make_event(changes={"assignee": (None, "night-shift")})

FAILURE = make_event(type="github.workflow_run.completed", data={"workflow_run": {"conclusion": "failure"}})

Case = tuple[EventFacts, ItemFacts | None]
CASES: dict[str, tuple[Case, list[Case]]] = {
    "A pull request against main that is no draft": (
        (OPENED, None),
        [
            (replace(OPENED, type="github.pull_request.closed"), None),
            (replace(OPENED, data={"pull_request": {"base": {"ref": "main"}, "draft": True}}), None),
            (replace(OPENED, data={"pull_request": {"base": {"ref": "next"}, "draft": False}}), None),
        ],
    ),
    "It was merged": (
        (make_event(changes={"status": ("open", "merged")}), None),
        [(make_event(changes={"status": ("open", "closed")}), None), (make_event(), None)],
    ),
    "A label was added": (
        (LABELLED, None),
        [(replace(LABELLED, type="github.issues.unlabeled"), None), (replace(LABELLED, data={}), None)],
    ),
    "A customer complains, and it is not an automatic answer": (
        (COMPLAINT, None),
        [
            (replace(COMPLAINT, text="Refund!"), None),
            (replace(COMPLAINT, title="Out of office"), None),
            (replace(COMPLAINT, actor="noreply@example.com"), None),
        ],
    ),
    "Somebody asks for you in a comment": ((ASKED, None), [(replace(ASKED, mentions=("ana",)), None)]),
    "It was assigned to the night shift, and had a high priority before": (
        (GIVEN, HIGH),
        [(GIVEN, LOW), (GIVEN, None), (make_event(), HIGH)],
    ),
    "Only from people you trust": (
        (REPLY, None),
        [(replace(REPLY, trust_tier=TrustTier.VERIFIED), None), (replace(REPLY, is_reply=False), None)],
    ),
    "A version tag": ((TAG, None), [(replace(TAG, data={"ref": "v1.20-rc"}), None)]),
    "A message outside office hours": (
        (AT_NIGHT, None),
        [(replace(AT_NIGHT, time=datetime(2026, 11, 20, 9, tzinfo=UTC)), None), (replace(AT_NIGHT, kinds=()), None)],
    ),
    "A sign-in from outside, by anybody but the robots": (
        (FROM_OUTSIDE, None),
        [
            (replace(FROM_OUTSIDE, data={"address": "10.9.9.9"}), None),
            (replace(FROM_OUTSIDE, data={}), None),
            (replace(FROM_OUTSIDE, actor="backup-bot"), None),
        ],
    ),
}


def test_every_example_of_the_page_is_tried_and_there_are_ten() -> None:
    assert list(EXAMPLES) == [*CASES, COUNTING, SEQUENCE, ABSENCE]
    assert len(EXAMPLES) >= 10


COUNTING = "The third failure within ten minutes"
SEQUENCE = "A failed deployment, then a rollback of the same one within an hour"
ABSENCE = "Nobody answered a customer within a day"


def test_the_example_that_counts_holds_from_the_third_on_and_asks_for_nothing_where_it_did_not_fail() -> None:
    tree: Any = EXAMPLES[COUNTING]
    history = Written(FAILURE, FAILURE)
    assert answer(tree, FAILURE, history=history).matched
    assert history.asked == [(timedelta(minutes=10), Per.CONNECTION)]
    assert answer(tree, FAILURE, history=Written(FAILURE)).because.holds is False
    assert holds(tree, replace(FAILURE, data={})) is False


def deployment(state: str, environment: str = "live") -> EventFacts:
    return make_event(data={"deployment_status": {"state": state}, "deployment": {"environment": environment}})


def test_the_example_of_a_sequence_holds_for_the_rollback_of_what_failed() -> None:
    tree: Any = EXAMPLES[SEQUENCE]
    rollback = deployment("inactive")
    history = Written(deployment("failure"))
    assert answer(tree, rollback, history=history).matched
    assert history.asked == [(timedelta(hours=1), Per.CONNECTION)]
    assert answer(tree, rollback, history=Written(deployment("failure", "trial"))).because.holds is False
    assert answer(tree, rollback, history=Written(deployment("success"))).because.holds is False
    assert holds(tree, deployment("failure")) is False


def test_the_example_of_an_absence_waits_for_an_answer_of_ours() -> None:
    tree: Any = EXAMPLES[ABSENCE]
    (want,) = absences(tree)
    customer = make_event(kinds=("message",), actor="kim@customer.test")
    ours = make_event(kinds=("message",), actor="dana@example.com")
    assert (want.within, want.restarts) == (timedelta(days=1), False)
    assert [holds(want.after, customer), holds(want.without, customer)] == [True, False]
    assert [holds(want.after, ours), holds(want.without, ours)] == [False, True]
    timer = make_event(source="internal", type=ELAPSED)
    assert answer(tree, timer, history=Written(customer, watch=want.name)).matched
    assert answer(tree, timer, history=Written(ours, watch=want.name)).because.holds is False


@pytest.mark.parametrize("title", CASES)
def test_a_worked_example_holds_for_what_its_title_says_and_for_nothing_beside_it(title: str) -> None:
    tree: Any = EXAMPLES[title]
    (event, item), others = CASES[title]
    assert holds(tree, event, item) is True
    assert [holds(tree, event, item) for event, item in others] == [False] * len(others)
