"""Fired by hand and replayed: both come in by intake, and only what a person may set aside is set aside."""

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger
from tests.factories.workspaces import make_item
from triggers.enums import Origin, Outcome, Suppression, TriggerStatus
from triggers.models import Decision, Event, Execution, Trigger
from triggers.services.decide.pending import decide_pending
from triggers.services.drafts import create_trigger
from triggers.services.fire import CannotFire, fire
from triggers.services.replays.event import replay
from triggers.services.standing import disable, pause
from workspaces.enums import TrustTier
from workspaces.models import ContextItem, ItemState

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
NEVER = {"all": [{"type": "status_change", "config": {"to_status": "nowhere"}}]}


def test_firing_by_hand_asks_no_conditions_and_only_this_trigger() -> None:
    trigger = make_trigger(conditions=NEVER)
    item = make_item(connection=trigger.listeners.get().connection)
    make_trigger(item=item)

    receipt = fire(trigger=trigger, item=item, by=SYSTEM, now=NOON)
    decide_pending(now=NOON)

    event = Event.objects.get()
    assert (event.delivery_id, event.origin, event.item) == (receipt.delivery_id, Origin.MANUAL, item)
    assert event.item_version == item.state_version
    decision = Decision.objects.get()
    assert (decision.trigger, decision.outcome) == (trigger, Outcome.FIRED)
    assert decision.because["label"] == "fired by hand"
    assert AuditEntry.objects.filter(action="trigger.fired", object_id=trigger.pk).exists()


def test_firing_without_an_item_goes_by_what_the_trigger_listens_to() -> None:
    trigger = make_trigger()

    fire(trigger=trigger, item=None, by=SYSTEM, now=NOON)
    decide_pending(now=NOON)

    assert Execution.objects.get().item_id_at_start is None
    assert Event.objects.get().trust_tier == TrustTier.ALLOWED


def test_what_is_fired_by_hand_is_trusted_as_far_as_the_items_text() -> None:
    trigger = make_trigger()
    item = make_item(connection=trigger.listeners.get().connection)
    ItemState.objects.create(item=item, version=1, trust_tier=TrustTier.OPEN, at=NOON)

    fire(trigger=trigger, item=item, by=SYSTEM, now=NOON)
    decide_pending(now=NOON)

    assert Event.objects.get().trust_tier == TrustTier.OPEN


def test_a_trigger_that_would_not_fire_is_refused_with_what_to_do() -> None:
    new = create_trigger(owner=make_user(), document=None, by=SYSTEM, now=NOON)
    paused, disabled, deaf = make_trigger(), make_trigger(), make_trigger()
    pause(trigger=paused, by=SYSTEM, now=NOON)
    disable(trigger=disabled, by=SYSTEM, now=NOON)
    deaf.listening.all().delete()

    for trigger, words in ((new, "Publish"), (paused, "Resume"), (disabled, "Publish"), (deaf, "Choose a card")):
        with pytest.raises(CannotFire, match=words):
            fire(trigger=trigger, item=None, by=SYSTEM, now=NOON)


def test_a_pause_between_the_button_and_the_decision_holds() -> None:
    trigger = make_trigger()
    fire(trigger=trigger, item=None, by=SYSTEM, now=NOON)
    pause(trigger=trigger, by=SYSTEM, now=NOON)

    decide_pending(now=NOON)

    assert Decision.objects.get().suppressed_by == Suppression.PAUSED


def test_a_trigger_disabled_between_the_button_and_the_decision_is_not_asked() -> None:
    trigger = make_trigger()
    fire(trigger=trigger, item=None, by=SYSTEM, now=NOON)
    disable(trigger=trigger, by=SYSTEM, now=NOON)

    decide_pending(now=NOON)

    assert not Decision.objects.exists()


@pytest.mark.parametrize("is_cooldown_bypassed", [True, False])
def test_the_cooldown_holds_unless_it_is_bypassed(is_cooldown_bypassed: bool) -> None:
    trigger = make_trigger(limits={"cooldown_s": 60})
    fire(trigger=trigger, item=None, by=SYSTEM, now=NOON)
    fire(trigger=trigger, item=None, by=SYSTEM, now=after(1), is_cooldown_bypassed=is_cooldown_bypassed)

    decide_pending(now=after(1))

    assert Execution.objects.count() == 1 + is_cooldown_bypassed


def deliver_two_states(trigger: Trigger) -> Event:
    """open, then done; the second event is returned."""
    connection = trigger.listeners.get().connection
    for status, version in (("open", "1"), ("done", "2")):
        item = {"key": "OPS-1", "title": "The door"}
        make_delivery(
            connection, {"item": item, "state": {"status": status}, "upstream_version": version, "change_key": version}
        )
    decide_pending(now=NOON)
    return Event.objects.latest("pk")


def test_a_replay_is_the_same_change_again_linked_to_its_origin_and_moves_no_state() -> None:
    trigger = make_trigger(conditions={"all": [{"type": "status_change", "config": {"from_status": "open"}}]})
    event = deliver_two_states(trigger)
    ContextItem.objects.update(state={"status": "reopened"}, state_version=3)

    replay(event=event, trigger=trigger, by=SYSTEM, now=after(60))
    decide_pending(now=after(60))

    again = Event.objects.latest("pk")
    assert (again.replay_of, again.origin, again.source) == (event, Origin.REPLAY, event.source)
    assert (again.changes, again.before, again.item_version) == (event.changes, event.before, event.item_version)
    assert Execution.objects.count() == 2
    assert ContextItem.objects.get().state == {"status": "reopened"}
    assert AuditEntry.objects.filter(action="event.replayed", object_id=event.pk).exists()


def test_a_replay_is_judged_against_the_item_as_it_was() -> None:
    condition = {"type": "field", "config": {"path": "item.state.status", "operator": "equals", "value": "open"}}
    trigger = make_trigger(conditions={"all": [condition]})
    event = deliver_two_states(trigger)
    ContextItem.objects.update(state={"status": "reopened"}, state_version=3)
    assert Decision.objects.get().event == event

    replay(event=event, trigger=None, by=SYSTEM, now=after(60))
    decide_pending(now=after(60))

    assert Decision.objects.latest("pk").outcome == Outcome.FIRED


def test_a_replay_whose_history_is_gone_is_judged_against_nothing_known() -> None:
    condition = {"type": "field", "config": {"path": "item.state.status", "operator": "exists"}}
    trigger = make_trigger(conditions={"all": [condition]})
    event = deliver_two_states(trigger)
    ItemState.objects.all().delete()

    replay(event=event, trigger=None, by=SYSTEM, now=after(60))
    decide_pending(now=after(60))

    assert not Decision.objects.filter(event__origin=Origin.REPLAY).exists()


def test_a_replay_without_a_trigger_asks_everybody_who_listens_now() -> None:
    trigger = make_trigger()
    event = deliver_two_states(trigger)
    later = make_trigger(connection=trigger.listeners.get().connection)

    replay(event=event, trigger=None, by=SYSTEM, now=after(60))
    decide_pending(now=after(60))

    assert {one.trigger for one in Decision.objects.filter(event__replay_of=event)} == {trigger, later}


def test_a_replay_of_a_replay_links_to_the_first_event_and_one_fired_by_hand_fires_again() -> None:
    trigger = make_trigger(conditions=NEVER)
    fire(trigger=trigger, item=None, by=SYSTEM, now=NOON)
    decide_pending(now=NOON)
    first = Event.objects.get()
    for at in (1, 2):
        replay(event=Event.objects.latest("pk"), trigger=trigger, by=SYSTEM, now=after(at))
        decide_pending(now=after(at))

    assert Execution.objects.count() == 3
    assert set(Event.objects.exclude(pk=first.pk).values_list("replay_of_id", flat=True)) == {first.pk}


def test_one_fired_by_hand_that_is_replayed_to_everybody_is_judged_by_their_conditions() -> None:
    """A person asked for one trigger; nobody asked for the others beside it."""
    trigger = make_trigger(conditions=NEVER)
    where = trigger.listeners.get().connection
    listening = make_trigger(connection=where)
    item = make_item(connection=where)
    fire(trigger=trigger, item=item, by=SYSTEM, now=NOON)
    decide_pending(now=NOON)
    event = Event.objects.get()
    Event.objects.filter(pk=event.pk).update(connection_id=where.pk)

    replay(event=Event.objects.get(), trigger=None, by=SYSTEM, now=after(60))
    decide_pending(now=after(60))

    assert [one.trigger for one in Decision.objects.filter(event__replay_of=event)] == [listening]


def test_an_order_about_an_item_that_is_gone_is_still_decided() -> None:
    trigger = make_trigger()
    item = make_item(connection=make_jira())
    fire(trigger=trigger, item=item, by=SYSTEM, now=NOON)
    item.delete()

    decide_pending(now=NOON)

    assert Event.objects.get().item is None
    assert Trigger.objects.get().status == TriggerStatus.ACTIVE
