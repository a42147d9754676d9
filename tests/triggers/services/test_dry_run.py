"""Dry runs: the answer that would be given, by the function that gives it, and nothing of it anywhere afterwards."""

import json
from typing import Any

import pytest

from accounts.actor import Actor
from dct_site.kernel.wake import NullWake
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger, status_change, ticket
from tests.untouched import nothing_changes
from triggers.enums import Outcome, Suppression
from triggers.models import Decision, Event, Trigger
from triggers.services.decide.pending import decide_pending
from triggers.services.dry_run import NothingToTry, Tried, try_on_events, try_on_payload
from triggers.services.standing import pause
from triggers.services.validation import InvalidDocument

pytestmark = pytest.mark.django_db
OPENS = status_change(to_status="open")


@pytest.fixture
def trigger() -> Trigger:
    return make_trigger(conditions=OPENS)


def tried(trigger: Trigger, *events: Event, now: Any = NOON, **document: Any) -> list[Tried]:
    asked = {**trigger.draft, **document}
    return try_on_events(trigger=trigger, document=asked, owner=trigger.owner, events=events, now=now)


def pasted(trigger: Trigger, *events: dict[str, Any], **over: Any) -> list[Tried]:
    values = {
        "trigger": trigger,
        "document": trigger.draft,
        "owner": trigger.owner,
        "connection": trigger.listeners.get().connection,
        "body": json.dumps(list(events)).encode(),
        "headers": {},
        "now": NOON,
        **over,
    }
    return try_on_payload(**values)


def happened(trigger: Trigger, *events: dict[str, Any]) -> list[Event]:
    """Events that the trigger's connection really brought."""
    make_delivery(trigger.listeners.get().connection, *events)
    decide_pending(now=NOON)
    return list(Event.objects.order_by("id"))


def test_a_stored_event_is_judged_as_it_was_against_the_item_of_that_time(trigger: Trigger) -> None:
    opened, closed = happened(
        trigger, ticket(state={"status": "new"}), ticket(state={"status": "open"}), ticket(state={"status": "closed"})
    )[1:]
    assert [one.outcome for one in tried(trigger, opened, closed)] == [Outcome.FIRED, Outcome.NOT_MATCHED]
    for one in tried(trigger, opened, closed):
        decided = Decision.objects.filter(event=one.event).first()
        assert (decided is not None) == (one.outcome == Outcome.FIRED)
        assert decided is None or decided.because == one.because


def test_nothing_is_written_and_nobody_is_woken(trigger: Trigger, pokes: NullWake) -> None:
    events = happened(trigger, ticket(state={"status": "new"}), ticket(state={"status": "open"}))
    pokes.pokes.clear()
    with nothing_changes():
        tried(trigger, *events)
        # An item that was never seen would be made by the real thing.
        pasted(trigger, ticket(item={"key": "OPS-9"}, changes={"status": ["new", "open"]}))
    assert not pokes.pokes


def test_a_pasted_payload_goes_through_the_sources_own_parser(trigger: Trigger) -> None:
    happened(trigger, ticket(state={"status": "new"}))
    (one,) = pasted(trigger, ticket(state={"status": "open"}))
    assert one.event._state.adding  # stored nowhere
    assert (one.outcome, one.event.changes) == (Outcome.FIRED, {"status": ["new", "open"]})
    (two,) = pasted(trigger, ticket(state={"status": "new"}))
    assert (two.outcome, two.summary) != (Outcome.FIRED, "")


@pytest.mark.parametrize("events", [({"refuse": "not_supported"},), ()])
def test_a_payload_of_which_no_event_comes_is_said(trigger: Trigger, events: Any) -> None:
    with pytest.raises(NothingToTry, match="No event comes of this payload"):
        pasted(trigger, *events)


def test_a_change_that_was_reported_before_is_said(trigger: Trigger) -> None:
    happened(trigger, ticket(change_key="OPS-1:2"))
    with pytest.raises(NothingToTry, match="reported already"):
        pasted(trigger, ticket(change_key="OPS-1:2"))


def test_what_would_hold_a_match_back_is_said_and_how_the_trigger_stands_is_not(trigger: Trigger) -> None:
    limits = {"cooldown_s": 3600, "cooldown_policy": "skip"}
    _, opened = happened(trigger, ticket(state={"status": "new"}), ticket(state={"status": "open"}))
    pause(trigger=trigger, by=Actor.system(), now=NOON)
    (one,) = tried(trigger, opened, now=after(60), limits=limits)
    assert (one.outcome, one.suppressed_by, one.until) == (Outcome.SUPPRESSED, Suppression.COOLDOWN, after(3600))
    (later,) = tried(trigger, opened, now=after(3601), limits=limits)
    assert later.outcome == Outcome.FIRED


def test_a_draft_that_could_not_be_published_is_refused_with_every_reason(trigger: Trigger) -> None:
    with pytest.raises(InvalidDocument) as refused:
        tried(trigger, conditions={"all": [{"type": "no such"}]}, agent={})
    assert {problem.path.split(".")[0] for problem in refused.value.problems} >= {"agent"}


def test_another_draft_gets_another_answer(trigger: Trigger) -> None:
    _, opened = happened(trigger, ticket(state={"status": "new"}), ticket(state={"status": "open"}))
    (one,) = tried(trigger, opened, conditions=status_change(to_status="closed"))
    assert one.outcome == Outcome.NOT_MATCHED
    assert "closed" in json.dumps(one.because)


def test_another_connections_events_may_be_tried(trigger: Trigger) -> None:
    elsewhere = make_jira(owner=trigger.owner)
    (one,) = pasted(trigger, ticket(changes={"status": ["new", "open"]}), connection=elsewhere)
    assert one.outcome == Outcome.FIRED
