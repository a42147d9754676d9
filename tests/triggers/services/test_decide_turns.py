"""Overlap by turns: the runs for one item go one after the other, or the newest replaces what is under way."""

from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from agents.enums import AgentStatus
from agents.selectors.queue import waiting
from agents.services import admission
from tests.factories.agents import set_limits
from tests.factories.executions import agent_of, set_agent
from tests.factories.triggers import after, make_delivery, make_trigger
from triggers.enums import ExecutionStatus, Outcome
from triggers.models import Decision, Execution, Trigger
from triggers.services import dry_run, executions
from triggers.services.decide import commit as decide_commit
from triggers.services.decide.pending import decide_pending
from triggers.services.launch.admitted import launch_some
from triggers.services.launch.ends import try_again_or_fail
from triggers.services.launch.lease import claim
from triggers.services.replays.event import Manner, replay
from triggers.services.settle.working import settle_some

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
QUEUE, CANCEL = {"overlap": "queue"}, {"overlap": "cancel_running"}


def arrive(trigger: Trigger, key: str = "OPS-1", at: float = 0, **over: Any) -> None:
    connection = trigger.listeners.get().connection
    make_delivery(connection, {"item": {"key": key}} if key else {}, now=after(at), **over)


def decided(trigger: Trigger, key: str = "OPS-1", at: float = 0, **over: Any) -> Decision:
    arrive(trigger, key, at, **over)
    decide_pending(now=after(at))
    return Decision.objects.latest("event_id")


def statuses() -> list[str]:
    return list(Execution.objects.order_by("pk").values_list("status", flat=True))


def said(execution: Execution) -> str:
    execution.refresh_from_db()
    assert execution.start is not None
    return str(waiting(execution.start, now=after(9)))


class TestQueue:
    def test_runs_for_one_item_begin_in_order_and_one_at_a_time(self) -> None:
        set_limits(max_agents=9)
        trigger = make_trigger(limits=QUEUE)
        for key in ("OPS-1", "OPS-1", "OPS-2", "", ""):
            decided(trigger, key)

        admission.admit(now=after(1))

        assert statuses() == ["starting", "queued", "starting", "starting", "queued"]
        first, second = Execution.objects.order_by("pk")[:2]
        assert said(second) == f"its turn comes after run {first.pk} for the same item"
        executions.cancel(execution=first, by=SYSTEM, now=after(2))
        admission.admit(now=after(2))
        assert statuses()[:2] == ["cancelled", "starting"]

    def test_one_whose_launch_failed_is_tried_before_the_next(self) -> None:
        set_limits(max_agents=9)
        trigger = make_trigger(limits=QUEUE)
        for _ in range(2):
            decided(trigger)
        admission.admit(now=after(1))
        first, second = Execution.objects.order_by("pk")

        lease = claim(first, owner="me", now=after(1))
        assert lease is not None
        try_again_or_fail(lease, "no luck")
        admission.admit(now=after(1))

        assert statuses() == ["queued", "queued"]
        assert said(second) == f"its turn comes after run {first.pk} for the same item"

    def test_a_replay_into_a_draft_waits_for_nobody_and_nobody_for_it(self) -> None:
        set_limits(max_agents=9)
        trigger = make_trigger(limits=QUEUE)
        event = decided(trigger).event
        replay(event=event, trigger=None, by=SYSTEM, now=after(1), manner=Manner(is_draft=True))
        decide_pending(now=after(1))
        decided(trigger, at=2)
        admission.admit(now=after(2))
        assert statuses() == ["starting", "starting", "queued"]


class TestCancelRunning:
    @pytest.mark.parametrize("status", [s for s in ExecutionStatus if s not in Execution.MOVES.terminal])
    def test_what_is_under_way_for_the_item_is_cancelled_and_the_two_know_each_other(self, status: str) -> None:
        trigger = make_trigger(limits=CANCEL)
        decided(trigger)
        decided(trigger, "OPS-2")
        Execution.objects.update(status=status, attention="question" if status == "needs_attention" else "")

        decision = decided(trigger)

        assert statuses() == ["cancelled", status, "queued"]
        old, _, new = Execution.objects.order_by("pk")
        assert (decision.outcome, decision.detail) == (
            Outcome.FIRED,
            "it replaces the run for the same item that was under way",
        )
        assert old.reason == f"Replaced by a newer event ({decision.event_id})."
        assert (old.replaced_by, list(new.replaces.all())) == (new, [old])
        entry = AuditEntry.objects.get(action="execution.cancelled")
        assert entry.after["replaced_by"] == new.pk

    def test_of_one_batch_the_newest_stays(self) -> None:
        trigger = make_trigger(limits={**CANCEL, "max_queued": 1})
        for at in range(3):
            arrive(trigger, at=at)

        decide_pending(now=after(3))

        assert statuses() == ["cancelled", "cancelled", "queued"]
        first, second, third = Execution.objects.order_by("pk")
        assert (first.replaced_by, second.replaced_by) == (second, third)

    def test_a_draft_replaces_nothing_and_is_not_replaced(self) -> None:
        trigger = make_trigger(limits=CANCEL)
        event = decided(trigger).event
        replay(event=event, trigger=None, by=SYSTEM, now=after(1), manner=Manner(is_draft=True))
        decide_pending(now=after(1))
        assert statuses() == ["queued", "queued"]
        decided(trigger, at=2)
        assert statuses() == ["cancelled", "queued", "queued"]

    def test_one_that_ended_meanwhile_is_not_replaced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trigger = make_trigger(limits=CANCEL)
        decided(trigger)
        monkeypatch.setattr(decide_commit, "hold_open", lambda _: False)
        arrive(trigger, at=1)
        assert decide_pending(now=after(1)) == 0
        assert statuses() == ["queued"]

    def test_a_dry_run_says_so_and_cancels_nothing(self) -> None:
        trigger = make_trigger(limits=CANCEL)
        event = decided(trigger).event
        tried = dry_run.try_on_events(
            trigger=trigger, document=trigger.draft, owner=trigger.owner, events=[event], now=after(1)
        )
        assert [one.summary for one in tried] == ["it replaces the run for the same item that was under way"]
        assert statuses() == ["queued"]


def test_the_new_one_begins_when_the_process_of_the_old_one_has_ended() -> None:
    set_limits(max_agents=9)
    trigger = make_trigger(limits=CANCEL)
    decided(trigger)
    admission.admit(now=after(1))
    launch_some(owner="test", now=after(1))
    old = Execution.objects.get()
    set_agent(old, AgentStatus.RUNNING)
    decided(trigger, at=5)
    new = Execution.objects.latest("pk")
    assert statuses() == ["cancelled", "queued"]
    assert admission.admit(now=after(6)) == 0  # deciding has waited for nobody; the kill is under way
    assert said(new) == f"its turn comes after run {old.pk} for the same item"
    set_agent(old, AgentStatus.STOPPED)
    settle_some(now=after(7))
    assert admission.admit(now=after(8)) == 1
    assert agent_of(old).status == AgentStatus.STOPPED
