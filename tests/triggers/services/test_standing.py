"""Pausing and its relatives: each is seen by every decision after it, audited, and harmless to repeat."""

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from agents.enums import StartStatus
from agents.models import StartRequest
from agents.services import admission
from tests.factories.accounts import make_user
from tests.factories.agents import make_start
from tests.factories.executions import make_execution, make_launched, make_running_trigger
from tests.factories.triggers import NOON, after, make_trigger
from tests.factories.workspaces import make_connection, make_item
from triggers.enums import ExecutionStatus, TriggerStatus
from triggers.models import ContextListener, Execution, Trigger, TriggerStanding
from triggers.selectors.triggers import triggers_visible_to
from triggers.services import generation
from triggers.services.drafts import create_trigger
from triggers.services.listening import unwatch_item, watch_item
from triggers.services.standing import NotPublished, activate, delete_trigger, disable, pause, resume, shadow

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


def test_a_pause_bumps_the_generation_and_keeps_its_reason() -> None:
    trigger = make_trigger()
    before = generation.current()

    pause(trigger=trigger, by=SYSTEM, now=after(1), reason="Holiday")

    assert (trigger.status, trigger.pause_reason) == (TriggerStatus.PAUSED, "Holiday")
    assert generation.current() == before + 1
    standing = TriggerStanding.objects.get(generation=before + 1)
    assert (standing.status, standing.revision) == (TriggerStatus.PAUSED, trigger.published)
    entry = AuditEntry.objects.get(action="trigger.paused")
    assert entry.before == {"status": "active"}
    assert entry.after == {"status": "paused", "reason": "Holiday"}


def test_pausing_again_changes_nothing() -> None:
    trigger = make_trigger()
    pause(trigger=trigger, by=SYSTEM, now=NOON, reason="Holiday")
    before = generation.current()

    pause(trigger=trigger, by=SYSTEM, now=NOON, reason="Other")

    assert trigger.pause_reason == "Holiday"
    assert generation.current() == before


def test_a_disabled_trigger_is_not_paused() -> None:
    trigger = make_trigger()
    disable(trigger=trigger, by=SYSTEM, now=NOON)

    assert pause(trigger=trigger, by=SYSTEM, now=NOON).status == TriggerStatus.DISABLED


@pytest.mark.parametrize("was_shadow", [True, False])
def test_resuming_goes_back_to_what_was_before(was_shadow: bool) -> None:
    trigger = make_trigger()
    if was_shadow:
        shadow(trigger=trigger, by=SYSTEM, now=NOON)
    before = trigger.status
    pause(trigger=trigger, by=SYSTEM, now=NOON, reason="Holiday")

    resume(trigger=trigger, by=SYSTEM, now=NOON)

    assert (trigger.status, trigger.pause_reason) == (before, "")


def test_resuming_what_is_not_paused_changes_nothing() -> None:
    trigger = make_trigger()
    assert resume(trigger=trigger, by=SYSTEM, now=NOON).status == TriggerStatus.ACTIVE


def test_a_shadow_trigger_is_activated() -> None:
    trigger = make_trigger()
    shadow(trigger=trigger, by=SYSTEM, now=NOON)
    assert activate(trigger=trigger, by=SYSTEM, now=NOON).status == TriggerStatus.ACTIVE


def test_what_was_never_published_cannot_be_paused_or_activated_but_disabled() -> None:
    trigger = create_trigger(owner=make_user(), document=None, by=SYSTEM, now=NOON)
    before = generation.current()

    for stand in (pause, activate, shadow):
        with pytest.raises(NotPublished):
            stand(trigger=trigger, by=SYSTEM, now=NOON)
    assert generation.current() == before
    assert disable(trigger=trigger, by=SYSTEM, now=NOON).status == TriggerStatus.DISABLED


def test_a_deleted_trigger_is_hidden_and_disabled_and_stays_in_history() -> None:
    trigger = make_trigger()

    delete_trigger(trigger=trigger, by=SYSTEM, now=after(1))
    delete_trigger(trigger=trigger, by=SYSTEM, now=after(2))

    kept = Trigger.objects.get()
    assert (kept.status, kept.deleted_at) == (TriggerStatus.DISABLED, after(1))
    assert not triggers_visible_to(user=make_user()).exists()
    assert AuditEntry.objects.filter(action="trigger.deleted").count() == 1


def test_what_a_deleted_trigger_has_in_the_queue_is_cancelled_and_what_runs_goes_on() -> None:
    trigger = make_running_trigger()
    running = make_launched(trigger=trigger)
    queued = make_execution(trigger=trigger)
    other = make_execution()

    delete_trigger(trigger=trigger, by=SYSTEM, now=NOON)

    stands = {row.pk: (row.status, row.reason) for row in Execution.objects.all()}
    assert stands[queued.pk] == (ExecutionStatus.CANCELLED, "Its trigger was deleted.")
    assert stands[running.pk][0] == running.status
    assert stands[other.pk][0] == ExecutionStatus.QUEUED
    assert StartRequest.objects.get(subject_id=queued.pk).status == StartStatus.CANCELLED


def test_watching_an_item_shows_its_card_and_keeps_a_listener() -> None:
    item = make_item(connection=make_connection())
    before = generation.current()

    watch_item(item=item, by=SYSTEM, now=NOON)
    watch_item(item=item, by=SYSTEM, now=NOON)

    assert item.is_watched
    assert ContextListener.objects.get().item == item
    assert generation.current() > before


def test_unwatching_takes_the_card_away_and_leaves_the_listener() -> None:
    item = make_item(connection=make_connection())
    watch_item(item=item, by=SYSTEM, now=NOON)

    assert not unwatch_item(item=item, by=SYSTEM, now=NOON).is_watched
    assert ContextListener.objects.exists()


def test_what_a_pause_held_back_is_in_the_queue_again_once_it_is_resumed() -> None:
    trigger = make_trigger()
    start = make_start(1, concurrency_key=f"trigger:{trigger.pk}", refs={"trigger": trigger.pk})
    pause(trigger=trigger, by=SYSTEM, now=NOON)
    admission.admit(now=NOON)
    start.refresh_from_db()
    assert start.status == StartStatus.PARKED

    resume(trigger=trigger, by=SYSTEM, now=NOON)

    start.refresh_from_db()
    assert start.status == StartStatus.WAITING
