"""Replays in other manners: by the revisions of then, into a draft, at a priority, with an edited payload."""

from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from tests.factories.triggers import NOON, after, make_delivery, make_trigger, status_change
from triggers.enums import Origin, Outcome, RevisionChoice
from triggers.models import Decision, Event, Execution, Firing, Replay, Trigger
from triggers.services import publishing
from triggers.services.answers import count_answers
from triggers.services.decide.pending import decide_pending
from triggers.services.drafts import save_draft
from triggers.services.explain import explain, explain_all
from triggers.services.launch.checks import plan_of
from triggers.services.replays.edit import MOST_PATHS, InvalidEdit, changed_paths, checked, parts_of, read_edit
from triggers.services.replays.event import CannotReplay, Manner, replay
from triggers.services.standing import disable
from workspaces.enums import DeployMode

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
THEN = Manner(revision=RevisionChoice.THEN)
OPEN_TO_DONE = status_change(from_status="open", to_status="done")
NEVER = status_change(to_status="nowhere")


def happened(trigger: Trigger) -> Event:
    """OPS-1 went from open to done: the event of the second."""
    connection = trigger.listeners.get().connection
    for version, status in (("1", "open"), ("2", "done")):
        item = {"key": "OPS-1", "title": "The door"}
        fields: dict[str, Any] = {"state": {"status": status}, "upstream_version": version, "change_key": version}
        make_delivery(connection, {"item": item, "facts": {"title": "The door", "text": "It creaks."}, **fields})
    decide_pending(now=NOON)
    return Event.objects.latest("pk")


def republish(trigger: Trigger, **parts: Any) -> None:
    trigger.refresh_from_db()
    save_draft(trigger=trigger, document={**trigger.draft, **parts}, version=trigger.version, by=SYSTEM, now=NOON)
    publishing.publish(trigger=trigger, by=SYSTEM, now=NOON)
    trigger.refresh_from_db()


def again(event: Event, **how: Any) -> Event:
    """The replay's own event, decided."""
    receipt = replay(event=event, by=SYSTEM, now=after(60), **{"trigger": None, **how})
    decide_pending(now=after(60))
    return Event.objects.get(delivery_id=receipt.delivery_id)


# Revisions of then


@pytest.mark.parametrize("is_targeted", [True, False])
def test_by_the_revision_of_then_it_is_judged_and_run_as_it_was(is_targeted: bool) -> None:
    trigger = make_trigger(conditions=OPEN_TO_DONE)
    event, then = happened(trigger), trigger.published
    republish(trigger, conditions=NEVER)

    repeated = again(event, manner=THEN, trigger=trigger if is_targeted else None)

    decision = Decision.objects.get(event=repeated)
    assert (decision.outcome, decision.revision) == (Outcome.FIRED, then)
    assert Execution.objects.get(event=repeated).revision == then
    assert not Decision.objects.filter(event=again(event)).exists()


def test_of_those_who_did_not_match_then_explain_says_why_by_the_revision_of_then() -> None:
    trigger = make_trigger(conditions=NEVER)
    event, then = happened(trigger), trigger.published
    republish(trigger, conditions=OPEN_TO_DONE)

    repeated = again(event, manner=THEN)

    told = explain(event=repeated, trigger=trigger)
    assert (told.outcome, told.revision) == (Outcome.NOT_MATCHED, then)
    assert [one.revision for one in explain_all(event=repeated)] == [then]
    counts = count_answers([Event.objects.select_related("item").get(pk=repeated.pk)], user=trigger.owner)
    assert counts[repeated.pk] == {Outcome.NOT_MATCHED: 1}


def test_who_began_to_listen_later_is_not_asked_by_the_revisions_of_then() -> None:
    trigger = make_trigger()
    event = happened(trigger)
    later = make_trigger(connection=trigger.listeners.get().connection)

    repeated = again(event, manner=THEN)

    assert [one.trigger for one in Decision.objects.filter(event=repeated)] == [trigger]
    counts = count_answers([Event.objects.select_related("item").get(pk=repeated.pk)], user=trigger.owner)
    assert sum(counts[repeated.pk].values()) == 1
    assert not explain(event=repeated, trigger=later).was_asked
    with pytest.raises(CannotReplay, match="was published then"):
        replay(event=event, trigger=later, by=SYSTEM, now=after(60), manner=THEN)


def test_a_trigger_that_is_disabled_by_now_is_not_asked_by_its_revision_of_then() -> None:
    trigger = make_trigger()
    event = happened(trigger)
    disable(trigger=trigger, by=SYSTEM, now=NOON)

    repeated = again(event, manner=THEN)

    assert not Decision.objects.filter(event=repeated).exists()
    assert explain_all(event=repeated) == []
    assert "not asked any more" in explain(event=repeated, trigger=trigger).detail


def test_what_protects_the_present_holds_for_revisions_of_then_too() -> None:
    trigger = make_trigger()
    event = happened(trigger)
    republish(trigger, limits={"cooldown_s": 3600})

    repeated = again(event, manner=THEN)

    assert Decision.objects.get(event=repeated).outcome == Outcome.SUPPRESSED


def test_one_batch_holds_a_replay_by_then_and_one_by_now_of_the_same_trigger() -> None:
    trigger = make_trigger(conditions=OPEN_TO_DONE)
    event = happened(trigger)
    republish(trigger, conditions=NEVER)
    for manner in (Manner(), THEN):
        replay(event=event, trigger=None, by=SYSTEM, now=after(60), manner=manner)

    decide_pending(now=after(60))

    assert Decision.objects.filter(event__origin=Origin.REPLAY).count() == 1


def test_then_of_a_replay_is_when_the_change_itself_was_decided() -> None:
    trigger = make_trigger(conditions=OPEN_TO_DONE)
    event = happened(trigger)
    republish(trigger, conditions=NEVER)
    repeated = again(event)

    third = again(repeated, manner=THEN)

    assert third.replay_of == event
    assert Decision.objects.get(event=third).outcome == Outcome.FIRED


def test_then_with_the_first_event_gone_asks_nobody() -> None:
    trigger = make_trigger()
    event = happened(trigger)
    replay(event=event, trigger=None, by=SYSTEM, now=after(60), manner=THEN)
    Replay.objects.update(event_id=987_654)

    decide_pending(now=after(60))

    assert not Decision.objects.filter(event__origin=Origin.REPLAY).exists()


def test_a_trigger_that_never_stood_then_is_not_asked_by_an_order_from_before() -> None:
    trigger = make_trigger()
    event = happened(trigger)
    replay(event=event, trigger=trigger, by=SYSTEM, now=after(60), manner=THEN)
    Replay.objects.update(as_of=0)

    decide_pending(now=after(60))

    assert not Decision.objects.filter(event__origin=Origin.REPLAY).exists()


# Into a draft, at a priority


def test_into_a_draft_only_if_asked() -> None:
    trigger = make_trigger()
    event = happened(trigger)

    plain, draft = again(event), again(event, manner=Manner(is_draft=True))

    assert plan_of(Execution.objects.get(event=plain)).deploy == DeployMode.AUTO
    assert plan_of(Execution.objects.get(event=draft)).deploy == DeployMode.DRAFT


def test_one_for_a_draft_joins_no_run_and_is_joined_by_none() -> None:
    trigger = make_trigger(limits={"overlap": "coalesce"})
    event = happened(trigger)
    before = Execution.objects.count()

    replay(event=event, trigger=None, by=SYSTEM, now=after(60), manner=Manner(is_draft=True))
    replay(event=event, trigger=None, by=SYSTEM, now=after(61))
    decide_pending(now=after(61))
    again(event)

    apart = Firing.objects.filter(event__origin=Origin.REPLAY, execution__event__origin=Origin.REPLAY)
    assert Execution.objects.count() == before + 1
    assert apart.count() == 1


def test_a_priority_of_its_own_goes_with_its_execution_and_its_start() -> None:
    trigger = make_trigger(priority=7)
    event = happened(trigger)

    execution = Execution.objects.get(event=again(event, manner=Manner(priority=2)))

    assert execution.start is not None
    assert (execution.priority, execution.start.priority) == (2, 2)
    assert Execution.objects.get(event=again(event)).priority == 7


def test_the_audit_log_says_in_which_manner() -> None:
    event = happened(make_trigger())
    manner = Manner(RevisionChoice.THEN, is_draft=True, priority=3, is_cooldown_bypassed=True)

    again(event, manner=manner, edit={"facts": {"title": "Another", "text": "It creaks."}})

    after_it = AuditEntry.objects.get(action="event.replayed").after
    told = {"revision": "then", "draft": True, "priority": 3, "cooldown": "set aside", "edited": ["facts.title"]}
    assert told.items() <= after_it.items()


# Edited


def test_an_edited_payload_is_judged_as_edited_and_says_so() -> None:
    words = {"all": [{"type": "string_match", "config": {"search_string": "squeaks"}}]}
    event = happened(make_trigger(conditions=words))

    repeated = again(event, edit={"facts": {**event.facts, "text": "It squeaks."}, "subject": "OPS-1b"})

    assert Decision.objects.get(event=repeated).outcome == Outcome.FIRED
    assert Replay.objects.get(pk=repeated.delivery_id).edited == ["facts.text", "subject"]
    assert (repeated.subject, repeated.actor, repeated.data) == ("OPS-1b", event.actor, event.data)
    assert Replay.objects.get(pk=again(event).delivery_id).edited == []


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        ({"actor": "ann"}, "edit.actor"),
        ({"trust_tier": "allowed"}, "edit.trust_tier"),
        ({"subject": 5}, "edit.subject"),
        ({"subject": "x" * 501}, "edit.subject"),
        ({"data": []}, "edit.data"),
        ({"facts": "text"}, "edit.facts"),
        ({"facts": {"text": 5}}, "edit.facts.text"),
        ({"facts": {"kinds": "comment"}}, "edit.facts.kinds"),
        ({"facts": {"mentions": [1]}}, "edit.facts.mentions"),
        ({"facts": {"is_reply": "yes"}}, "edit.facts.is_reply"),
        ({"changes": {"status": "done"}}, "edit.changes.status"),
        ({"changes": {"status": ["open"]}}, "edit.changes.status"),
        ({"changes": []}, "edit.changes"),
        ({"data": {"a": "nul \0"}}, "edit"),
        ({"data": {"a": "\ud800"}}, "edit"),
        ({"data": {"a": float("inf")}}, "edit"),
        ({"data": {"a": "x" * 300_000}}, "edit"),
    ],
)
def test_an_edit_is_held_to_the_rules_of_the_door_and_to_the_shape_of_an_event(edit: Any, path: str) -> None:
    event = happened(make_trigger())
    before = Event.objects.count()

    with pytest.raises(InvalidEdit) as refused:
        replay(event=event, trigger=None, by=SYSTEM, now=NOON, edit=edit)

    assert [problem.path for problem in refused.value.problems] == [path]
    assert str(refused.value)
    assert decide_pending(now=NOON) == 0
    assert Event.objects.count() == before


@pytest.mark.parametrize("text", ["[]", "5", "{", "{" * 100])
def test_what_is_no_object_of_json_is_no_edit(text: str) -> None:
    with pytest.raises(InvalidEdit):
        read_edit(text)


def test_what_is_given_back_as_it_was_is_no_edit() -> None:
    event = happened(make_trigger())
    assert Replay.objects.get(pk=again(event, edit=parts_of(event)).delivery_id).edited == []


def test_changes_are_edited_as_pairs() -> None:
    event = happened(make_trigger(conditions=status_change(to_status="gone")))

    repeated = again(event, edit={"changes": {"status": ["done", "gone"]}})

    assert repeated.changes == {"status": ["done", "gone"]}
    assert Decision.objects.get(event=repeated).outcome == Outcome.FIRED


def test_only_paths_that_differ_are_named_and_only_so_many() -> None:
    event = Event(data={"a": {"b": 1, "c": 2}, "d": 3, "is_on": 1}, facts={"x": [1]}, changes={}, subject="s")

    edit = checked({"data": {"a": {"b": 5, "e": 1}, "d": 3, "is_on": True}, "facts": {"x": [1]}, "subject": "s"})

    assert changed_paths(event, edit) == ["data.a.b", "data.a.c", "data.a.e", "data.is_on"]
    assert len(changed_paths(event, {"data": {str(at): at for at in range(200)}})) == MOST_PATHS
