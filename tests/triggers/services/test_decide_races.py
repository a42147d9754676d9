"""What changes between a plan and its commit makes the plan anew: nothing is decided by what is no longer true."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.actor import Actor
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger, ticket
from tests.factories.workspaces import make_item
from triggers.models import (
    Decision,
    DeliveryOutcome,
    Event,
    Execution,
    Firing,
    PendingDelivery,
    SeenChange,
    Trigger,
)
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import pending as decide
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import Plan
from triggers.services.standing import pause
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db


def _once_before_commit(monkeypatch: pytest.MonkeyPatch, do: Callable[[], Any]) -> None:
    """Let something happen between the plan and its commit, the first time."""
    waiting = [do]

    def commit(plan: Plan) -> None:
        while waiting:
            waiting.pop()()
        decide_commit.commit(plan)

    monkeypatch.setattr(decide, "commit", commit)


def test_an_acknowledged_pause_is_seen_even_by_a_plan_that_was_made_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_trigger()
    make_delivery(trigger.listeners.get().connection, ticket())
    _once_before_commit(monkeypatch, lambda: pause(trigger=trigger, by=Actor.system(), now=NOON))

    assert decide_pending(now=NOON) == 1

    assert Decision.objects.get().suppressed_by == "paused"
    assert not Execution.objects.exists()


def test_an_item_that_moved_after_the_plan_was_made_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    item = make_item(connection=connection, kind="ticket", external_key="OPS-1", state={"status": "open"})
    make_delivery(connection, ticket(state={"status": "done"}))

    def move() -> None:
        ContextItem.objects.filter(pk=item.pk).update(state={"status": "review"}, state_version=2)

    _once_before_commit(monkeypatch, move)

    decide_pending(now=NOON)

    assert Event.objects.get().changes == {"status": ["review", "done"]}
    assert ContextItem.objects.get().state_version == 3


def test_a_change_that_somebody_else_reported_after_the_plan_was_made_is_no_second_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = make_jira()
    make_delivery(connection, ticket(change_key="k"))

    def report() -> None:
        SeenChange.objects.create(connection_id=connection.pk, change_key="k", event_id=5, seen_at=NOON)

    _once_before_commit(monkeypatch, report)

    decide_pending(now=NOON)

    assert not Event.objects.exists()
    assert "event 5" in DeliveryOutcome.objects.get().detail


def test_a_firing_after_the_plan_was_made_is_seen_by_the_cooldown(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_trigger(limits={"cooldown_s": 60})
    connection = trigger.listeners.get().connection
    make_delivery(connection, ticket())
    decide_pending(now=NOON)
    fired = Firing.objects.get()
    Firing.objects.all().delete()
    Trigger.objects.update(last_fired_at=None)
    make_delivery(connection, ticket(), now=after(1))

    def fire() -> None:
        fired.save(force_insert=True)
        Trigger.objects.update(last_fired_at=NOON)

    _once_before_commit(monkeypatch, fire)

    decide_pending(now=after(1))

    assert Decision.objects.latest("pk").suppressed_by == "cooldown"


def test_a_delivery_that_somebody_else_decided_meanwhile_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    make_delivery(make_jira(), ticket())
    _once_before_commit(monkeypatch, lambda: PendingDelivery.objects.all().delete())

    assert decide_pending(now=NOON) == 0

    assert not Event.objects.exists()


def test_what_is_overtaken_again_and_again_waits_for_the_next_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    make_delivery(make_jira(), ticket())

    def always(plan: object) -> None:
        raise decide_commit.Overtaken("somebody is faster")

    with monkeypatch.context() as patch:
        patch.setattr(decide_commit, "_check", always)
        assert decide_pending(now=NOON) == 0
    assert decide_pending(now=NOON) == 1
