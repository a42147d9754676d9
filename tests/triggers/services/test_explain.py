"""Explaining: the answer as it was given, the same after everything has changed."""

from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import Connection
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger
from tests.factories.workspaces import make_item
from triggers.enums import Origin, Outcome, Suppression
from triggers.models import Decision, Event, Execution, Trigger
from triggers.services.decide.pending import decide_pending
from triggers.services.drafts import create_trigger, save_draft
from triggers.services.explain import Explanation, explain, explain_all
from triggers.services.fire import fire
from triggers.services.publishing import publish
from triggers.services.standing import delete_trigger, disable, pause, shadow
from workspaces.models import ContextItem, ItemState

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
TO_DONE = {"all": [{"type": "status_change", "config": {"from_status": "open", "to_status": "done"}}]}
WAS_OPEN = {"all": [{"type": "field", "config": {"path": "item.state.status", "operator": "equals", "value": "open"}}]}
NEVER = {"all": [{"type": "status_change", "config": {"to_status": "nowhere"}}]}


def report(connection: Connection, status: str, version: str) -> Event:
    item = {"key": "OPS-1", "title": "The door"}
    make_delivery(connection, {"item": item, "state": {"status": status}, "upstream_version": version, "actor": "kim"})
    decide_pending(now=NOON)
    return Event.objects.latest("pk")


def told(answer: Explanation) -> tuple[Any, ...]:
    """What a person reads of an answer."""
    number = answer.revision.number if answer.revision is not None else None
    return (answer.outcome, answer.summary, answer.suppressed_by, answer.because, answer.facts, number)


def change_everything(triggers: list[Trigger]) -> None:
    """Publish other conditions for other items, stop them all, and let the item move on."""
    elsewhere = make_jira()
    for trigger in triggers:
        trigger.refresh_from_db()
        draft = {**trigger.draft, "conditions": NEVER, "listeners": [{"connection_id": elsewhere.pk}]}
        save_draft(trigger=trigger, document=draft, version=trigger.version, by=SYSTEM, now=after(1))
        publish(trigger=trigger, by=SYSTEM, now=after(1))
        disable(trigger=trigger, by=SYSTEM, now=after(2))
    item = ContextItem.objects.get(external_key="OPS-1")
    report(item.connection, "reopened", "9")
    report(item.connection, "open", "99")


def test_every_answer_is_the_same_after_everything_was_changed_afterwards() -> None:
    connection = make_jira()
    fired = make_trigger(connection=connection, conditions=TO_DONE)
    not_matched = make_trigger(connection=connection, conditions=NEVER)
    by_state = make_trigger(connection=connection, conditions=WAS_OPEN)
    not_by_state = make_trigger(connection=connection, conditions={"none": WAS_OPEN["all"]})
    paused = make_trigger(connection=connection, conditions=TO_DONE)
    pause(trigger=paused, by=SYSTEM, now=NOON)
    watching = make_trigger(connection=connection, conditions=TO_DONE)
    shadow(trigger=watching, by=SYSTEM, now=NOON)
    report(connection, "open", "1")
    event = report(connection, "done", "2")
    before = explain_all(event=event)

    change_everything([fired, not_matched, by_state, not_by_state, paused, watching])

    event = Event.objects.get(pk=event.pk)
    assert [told(answer) for answer in explain_all(event=event)] == [told(answer) for answer in before]
    assert [(answer.trigger, answer.outcome) for answer in before] == [
        (fired, Outcome.FIRED),
        (by_state, Outcome.FIRED),
        (watching, Outcome.SHADOWED),
        (paused, Outcome.SUPPRESSED),
        (not_matched, Outcome.NOT_MATCHED),
        (not_by_state, Outcome.NOT_MATCHED),
    ]
    alone = [explain(event=event, trigger=answer.trigger) for answer in before]
    assert [told(answer) for answer in alone] == [told(answer) for answer in before]


def test_a_stored_answer_says_why_and_what_came_of_it() -> None:
    trigger = make_trigger(conditions=TO_DONE)
    connection = trigger.listeners.get().connection
    report(connection, "open", "1")

    answer = explain(event=report(connection, "done", "2"), trigger=trigger)

    assert answer.was_asked
    assert answer.decision == Decision.objects.get()
    assert answer.execution_id == Execution.objects.get().pk
    assert answer.because["holds"] is True


def test_a_suppressed_answer_says_by_what_and_has_no_execution() -> None:
    trigger = make_trigger()
    pause(trigger=trigger, by=SYSTEM, now=NOON)

    answer = explain(event=report(trigger.listeners.get().connection, "open", "1"), trigger=trigger)

    assert (answer.suppressed_by, answer.summary) == (Suppression.PAUSED, "the trigger is paused")
    assert answer.execution_id is None


def test_not_matched_says_what_was_expected_and_what_was_there() -> None:
    trigger = make_trigger(conditions=TO_DONE)

    answer = explain(event=report(trigger.listeners.get().connection, "open", "1"), trigger=trigger)

    assert answer.outcome == Outcome.NOT_MATCHED
    assert "status did not change" in str(answer.because)
    assert answer.summary


def test_an_event_that_no_trigger_listens_to_has_no_answers() -> None:
    make_trigger()
    assert explain_all(event=report(make_jira(), "open", "1")) == []


def test_an_event_about_nothing_in_particular_is_explained_too() -> None:
    connection = make_jira()
    make_trigger(connection=connection, conditions=NEVER)
    make_delivery(connection)
    decide_pending(now=NOON)

    assert [answer.outcome for answer in explain_all(event=Event.objects.get())] == [Outcome.NOT_MATCHED]


def test_why_a_trigger_was_not_asked_is_said_in_a_sentence() -> None:
    connection = make_jira()
    asked, elsewhere, disabled, deleted = (
        make_trigger(connection=connection, conditions=NEVER),
        make_trigger(item=make_item(connection=connection)),
        make_trigger(connection=connection),
        make_trigger(connection=connection),
    )
    disable(trigger=disabled, by=SYSTEM, now=NOON)
    delete_trigger(trigger=deleted, by=SYSTEM, now=NOON)
    draft = create_trigger(owner=make_user(), document=None, by=SYSTEM, now=NOON)
    stopped = create_trigger(owner=make_user(), document=None, by=SYSTEM, now=NOON)
    disable(trigger=stopped, by=SYSTEM, now=NOON)

    event = report(connection, "open", "1")
    later = make_trigger(connection=connection)

    words = {trigger: explain(event=event, trigger=trigger).detail for trigger in Trigger.objects.all()}
    assert words == {
        asked: "",
        elsewhere: "The trigger did not listen to this item or connection then.",
        disabled: "The trigger was disabled then.",
        deleted: "The trigger was disabled then.",
        draft: "Nothing of this trigger was published then.",
        stopped: "Nothing of this trigger was published then.",
        later: "Nothing of this trigger was published then.",
    }
    assert [answer.trigger for answer in explain_all(event=event)] == [asked]


def test_events_meant_for_one_trigger_and_baselines_say_so() -> None:
    trigger = make_trigger()
    connection = trigger.listeners.get().connection
    other = make_trigger(connection=connection)
    fire(trigger=trigger, item=None, by=SYSTEM, now=NOON)
    make_delivery(connection, origin=Origin.BACKFILL)
    decide_pending(now=NOON)
    by_hand, baseline = Event.objects.order_by("pk")

    assert explain(event=by_hand, trigger=other).detail == "The event was meant for another trigger only."
    assert explain(event=baseline, trigger=trigger).detail.startswith("The event only told what was there already")
    assert [answer.trigger for answer in explain_all(event=by_hand)] == [trigger]


def test_a_named_trigger_that_did_not_match_is_judged_again_without_listening() -> None:
    trigger = make_trigger(conditions=NEVER)
    event = report(trigger.listeners.get().connection, "open", "1")
    Event.objects.filter(pk=event.pk).update(target_trigger_id=trigger.pk)
    event.refresh_from_db()

    assert explain(event=event, trigger=trigger).outcome == Outcome.NOT_MATCHED


@pytest.mark.parametrize("gone", ["history", "item"])
def test_after_retention_it_says_that_the_inputs_are_gone(gone: str) -> None:
    trigger = make_trigger(conditions=NEVER)
    connection = trigger.listeners.get().connection
    report(connection, "open", "1")
    event = report(connection, "done", "2")
    (ItemState if gone == "history" else ContextItem).objects.all().delete()

    answer = explain(event=Event.objects.get(pk=event.pk), trigger=trigger)

    assert answer.is_purged
    assert answer.outcome == Outcome.NOT_MATCHED
