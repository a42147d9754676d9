"""Facts: built from dicts, back into dicts, refused by name; equality and folding as JSON and Unicode mean them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import make_event, make_item
from triggers.conditions.facts import EventFacts, FactsError, ItemFacts, Origin, TrustTier, folded, same

pytestmark = pytest.mark.one_pass

FULL: dict[str, Any] = {
    "source": "jira/harbor",
    "type": "jira.issue.updated",
    "subject": "OPS-398",
    "actor": "ana",
    "title": "Refund",
    "text": "now",
    "time": "2026-11-20T09:12:31+00:00",
    "data": {"a": [1]},
    "changes": {"status": ["Open", "Done"]},
    "kinds": ["updated", "status_change"],
    "mentions": ["bea"],
    "is_reply": True,
    "trust_tier": "verified",
    "origin": "replay",
    "extensions": {"region": "eu"},
}


def test_event_facts_survive_their_stored_form() -> None:
    event = EventFacts.from_dict(FULL)
    assert event.as_dict() == FULL
    assert event.time == datetime(2026, 11, 20, 9, 12, 31, tzinfo=UTC)
    assert (event.trust_tier, event.origin) == (TrustTier.VERIFIED, Origin.REPLAY)


def test_item_facts_survive_their_stored_form() -> None:
    assert ItemFacts.from_dict(make_item().as_dict()) == make_item()


def test_what_an_event_does_not_say_has_a_careful_default() -> None:
    event = EventFacts.from_dict({"source": "s", "type": "t", "time": None, "data": None})
    assert event == EventFacts(source="s", type="t")
    assert (event.trust_tier, event.is_reply, event.data) == (TrustTier.OPEN, False, {})


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"source": None}, "source is not text"),
        ({"type": 1}, "type is not text"),
        ({"actor": []}, "actor is not text"),
        ({"data": []}, "data is not an object"),
        ({"changes": {"status": "Done"}}, "changes.status is not a pair"),
        ({"changes": {"status": ["a"]}}, "changes.status is not a pair"),
        ({"kinds": "comment"}, "kinds is not a list"),
        ({"mentions": [1]}, "mentions is not a list"),
        ({"time": "noon"}, "time is not a date"),
        ({"time": 5}, "time is not a date"),
        ({"trust_tier": "total"}, "trust_tier is not one of open, verified, allowed"),
        ({"origin": []}, "origin is not one of"),
    ],
)
def test_facts_of_the_wrong_shape_are_refused_by_name(over: dict[str, Any], why: str) -> None:
    with pytest.raises(FactsError, match=why):
        EventFacts.from_dict(FULL | over)


def test_an_item_of_the_wrong_shape_is_refused_by_name() -> None:
    with pytest.raises(FactsError, match="version is not a whole number"):
        ItemFacts.from_dict({"kind": "ticket", "key": "1", "version": "3"})


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        (False, 0, False),
        (True, True, True),
        ([1], [True], False),
        ([1, 2], [1], False),
        ([1], (1,), True),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        ("1", 1, False),
        (None, None, True),
        ([], {}, False),
    ],
)
def test_equality_is_that_of_json(left: Any, right: Any, expected: bool) -> None:
    assert same(left, right) is same(right, left) is expected


def test_letters_are_the_same_however_they_are_typed() -> None:
    assert folded("STRASSE") == folded("straße")
    assert folded("E\u0301") == folded("é")


def test_trust_has_an_order() -> None:
    assert [tier.rank for tier in (TrustTier.OPEN, TrustTier.VERIFIED, TrustTier.ALLOWED)] == [0, 1, 2]


def test_a_change_is_a_pair_that_differs() -> None:
    event = make_event(changes={"a": (1, 2), "b": (1, 1)})
    assert (event.change("a"), event.change("b"), event.change("c")) == ((1, 2), None, None)
