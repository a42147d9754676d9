"""What a trigger has under way bounds what comes next: overlap of one item, and its part of the queue."""

import json
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry, Connection
from agents.enums import StartStatus
from tests.factories.triggers import NOON, after, make_delivery, make_trigger
from triggers.enums import ExecutionStatus, FiringRole, Outcome, Suppression
from triggers.models import Decision, Event, Execution, Firing, Trigger
from triggers.services import dry_run, executions, explain
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import pending as decide
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import Plan
from triggers.services.launch.context import entries_for
from triggers.services.publishing import publish
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
QUEUED, CANCELLED = ExecutionStatus.QUEUED, ExecutionStatus.CANCELLED


def connection_of(trigger: Trigger) -> Connection:
    return trigger.listeners.get().connection


def arrive(trigger: Trigger, key: str = "OPS-1", at: float = 0, **over: Any) -> None:
    make_delivery(connection_of(trigger), {"item": {"key": key}} if key else {}, now=after(at), **over)


def answered(trigger: Trigger, key: str = "OPS-1", at: float = 0, **over: Any) -> Decision:
    """One event about a ticket, decided at once; the stored answer."""
    arrive(trigger, key, at, **over)
    decide_pending(now=after(at))
    return Decision.objects.get(event=Event.objects.latest("pk"))


def statuses() -> list[str]:
    return list(Execution.objects.order_by("pk").values_list("status", flat=True))


def becomes(status: str) -> None:
    Execution.objects.update(status=status, attention="question" if status == "needs_attention" else "")


class TestOverlap:
    def test_unless_it_says_otherwise_a_trigger_has_any_number_under_way_for_one_item(self) -> None:
        trigger = make_trigger()
        assert [answered(trigger).outcome for _ in range(2)] == [Outcome.FIRED, Outcome.FIRED]

    @pytest.mark.parametrize("status", [s for s in ExecutionStatus if s not in Execution.MOVES.terminal])
    def test_one_that_skips_fires_nothing_while_a_run_for_the_item_waits_or_works(self, status: str) -> None:
        trigger = make_trigger(limits={"overlap": "skip"})
        answered(trigger)
        becomes(status)

        decision = answered(trigger)

        assert (decision.outcome, decision.suppressed_by) == (Outcome.SUPPRESSED, Suppression.OVERLAP)
        assert (decision.detail, decision.facts) == (
            "a run of it for the same item waits or works",
            {"under_way": 1},
        )
        assert answered(trigger, "OPS-2").outcome == Outcome.FIRED

    @pytest.mark.parametrize("status", sorted(Execution.MOVES.terminal))
    def test_a_run_that_is_over_is_in_nobodys_way(self, status: str) -> None:
        trigger = make_trigger(limits={"overlap": "skip"})
        answered(trigger)
        becomes(status)

        assert answered(trigger).outcome == Outcome.FIRED

    def test_events_of_one_batch_about_an_item_that_nobody_knew_are_told_apart_by_the_item(self) -> None:
        trigger = make_trigger(limits={"overlap": "skip"})
        for key in ("OPS-1", "OPS-1", "OPS-2", "", ""):
            arrive(trigger, key)

        decide_pending(now=NOON)

        outcomes = [one.outcome for one in Decision.objects.order_by("event_id")]
        assert outcomes == ["fired", "suppressed", "fired", "fired", "suppressed"]

    def test_one_that_coalesces_adds_the_event_to_the_run_that_waits(self) -> None:
        trigger = make_trigger(limits={"overlap": "coalesce"})
        answered(trigger)

        decision = answered(trigger, at=5)

        assert (decision.outcome, decision.detail) == (
            Outcome.FIRED,
            "it joined the run for the same item that still waits",
        )
        execution = Execution.objects.get()
        roles = [(firing.role, firing.execution_id) for firing in Firing.objects.order_by("pk")]
        assert roles == [(FiringRole.PRIMARY, execution.pk), (FiringRole.MERGED, execution.pk)]
        explained = explain.explain(event=decision.event, trigger=trigger)
        assert (explained.execution_id, explained.summary) == (execution.pk, decision.detail)
        trigger.refresh_from_db()
        assert trigger.last_fired_at == after(5)

    def test_the_run_works_by_the_newest_event_and_is_told_of_the_others(self) -> None:
        trigger = make_trigger(limits={"overlap": "coalesce"})
        first = answered(trigger).event_id
        assert "merged.json" not in [entry.path for entry in entries_for(Execution.objects.get(), Workspace())]
        second, newest = (answered(trigger, at=at).event_id for at in (1, 2))

        entries = {entry.path: entry for entry in entries_for(Execution.objects.get(), Workspace())}

        assert json.loads(entries["event.json"].content)["id"] == newest
        assert [one["id"] for one in json.loads(entries["merged.json"].content)] == [first, second]
        assert Execution.objects.get().event_count == 3

    def test_events_of_one_batch_join_the_run_that_it_plans(self) -> None:
        trigger = make_trigger(limits={"overlap": "coalesce", "cooldown_s": 60, "cooldown_policy": "delay"})
        for key in ("OPS-1", "OPS-1", "OPS-2", "OPS-1"):
            arrive(trigger, key)

        decide_pending(now=NOON)

        first, second = Execution.objects.order_by("pk")
        assert list(Firing.objects.order_by("event_id").values_list("execution_id", flat=True)) == [
            first.pk,
            first.pk,
            second.pk,
            first.pk,
        ]

    def test_a_run_that_has_begun_takes_nothing_in(self) -> None:
        trigger = make_trigger(limits={"overlap": "coalesce"})
        answered(trigger)
        becomes(ExecutionStatus.RUNNING)

        assert answered(trigger).detail == ""
        assert statuses() == ["running", "queued"]

    def test_a_run_of_another_revision_or_of_another_trust_takes_nothing_in(self) -> None:
        trigger = make_trigger(limits={"overlap": "coalesce"})
        answered(trigger)
        answered(trigger, trust_tier="open")
        assert Execution.objects.count() == 2
        publish(trigger=trigger, by=Actor.system(), now=NOON)
        answered(trigger)
        assert Execution.objects.count() == 3


class TestQueue:
    def test_a_full_one_refuses_and_says_so(self) -> None:
        trigger = make_trigger(limits={"max_queued": 2})
        for key in ("OPS-1", "OPS-2", "OPS-3"):
            arrive(trigger, key)
        decide_pending(now=NOON)

        decision = Decision.objects.latest("event_id")

        assert (decision.outcome, decision.suppressed_by) == (Outcome.SUPPRESSED, Suppression.OVERLAP)
        assert decision.detail == "2 of its runs wait in the queue; at most 2 may"
        assert decision.facts == {"queued": 2, "max_queued": 2}
        Execution.objects.filter(pk=Execution.objects.earliest("pk").pk).update(status="running")
        assert answered(trigger).outcome == Outcome.FIRED

    def test_each_trigger_has_its_own(self) -> None:
        trigger = make_trigger(limits={"max_queued": 1})
        other = make_trigger(connection=connection_of(trigger), limits={"max_queued": 2})
        for _ in range(3):
            arrive(trigger)
        decide_pending(now=NOON)

        assert [Execution.objects.filter(trigger=one).count() for one in (trigger, other)] == [1, 2]

    def test_one_that_drops_the_oldest_cancels_it_with_the_reason(self) -> None:
        trigger = make_trigger(limits={"max_queued": 2, "queue_policy": "drop_oldest"})
        for at in range(2):
            answered(trigger, at=at)

        decision = answered(trigger, at=2)

        assert (decision.outcome, statuses()) == (Outcome.FIRED, [CANCELLED, QUEUED, QUEUED])
        oldest = Execution.objects.earliest("pk")
        words = f"Event {decision.event_id} took its place: at most 2 runs of its trigger may wait."
        assert oldest.reason == words
        assert oldest.start is not None
        assert oldest.start.status == StartStatus.CANCELLED
        entry = AuditEntry.objects.get(action="execution.cancelled")
        assert (entry.object_id, entry.after["reason"]) == (oldest.pk, words)

    def test_of_one_batch_the_newest_stay(self) -> None:
        trigger = make_trigger(limits={"max_queued": 2, "queue_policy": "drop_oldest"})
        for at in range(5):
            arrive(trigger, at=at)

        decide_pending(now=after(5))

        assert statuses() == [CANCELLED] * 3 + [QUEUED] * 2

    def test_a_bound_that_was_lowered_makes_as_much_room_as_it_takes(self) -> None:
        trigger = make_trigger(limits={"max_queued": 3, "queue_policy": "drop_oldest"})
        for _ in range(3):
            answered(trigger)
        trigger.draft["limits"]["max_queued"] = 1
        trigger.save(update_fields=["draft"])
        publish(trigger=trigger, by=Actor.system(), now=NOON)

        answered(trigger)

        assert statuses() == [CANCELLED] * 3 + [QUEUED]

    def test_one_that_coalesces_adds_to_the_items_run_and_refuses_where_none_waits(self) -> None:
        trigger = make_trigger(limits={"max_queued": 2, "queue_policy": "coalesce"})
        assert [answered(trigger).detail for _ in range(2)] == ["", ""]

        assert answered(trigger).detail == "it joined the run for the same item that still waits"
        refused = answered(trigger, "OPS-2")
        assert refused.suppressed_by == Suppression.OVERLAP
        assert refused.detail.endswith("at most 2 may, and none that waits can take this event in")
        assert list(Firing.objects.order_by("pk").values_list("role", flat=True)) == ["primary", "primary", "merged"]

    def test_a_dry_run_tells_what_would_be_answered_now_and_changes_nothing(self) -> None:
        trigger = make_trigger(limits={"max_queued": 1})
        event = answered(trigger).event

        tried = dry_run.try_on_events(
            trigger=trigger, document=trigger.draft, owner=trigger.owner, events=[event], now=NOON
        )

        assert [(one.outcome, one.suppressed_by) for one in tried] == [("suppressed", "overlap")]
        document = {**trigger.draft, "limits": {"max_queued": 1, "queue_policy": "drop_oldest"}}
        tried = dry_run.try_on_events(trigger=trigger, document=document, owner=trigger.owner, events=[event], now=NOON)
        assert [one.outcome for one in tried] == ["fired"]
        assert statuses() == [QUEUED]


class TestOvertaken:
    """Between the plan and its commit something else moves what the trigger has under way."""

    @pytest.fixture
    def happens(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def set_up(do: Any) -> None:
            waiting = [do]

            def commit(plan: Plan) -> None:
                while waiting:
                    waiting.pop()()
                decide_commit.commit(plan)

            monkeypatch.setattr(decide, "commit", commit)

        return set_up

    def test_a_run_that_ended_meanwhile_is_in_nobodys_way(self, happens: Any) -> None:
        trigger = make_trigger(limits={"overlap": "skip"})
        answered(trigger)
        happens(lambda: executions.cancel(execution=Execution.objects.get(), by=Actor.system(), now=NOON))

        assert answered(trigger).outcome == Outcome.FIRED

    def test_a_run_that_began_meanwhile_is_neither_joined_nor_cancelled(self, happens: Any) -> None:
        for limits in ({"overlap": "coalesce"}, {"max_queued": 1, "queue_policy": "drop_oldest"}):
            Execution.objects.all().delete()
            trigger = make_trigger(limits=limits)
            answered(trigger)
            happens(lambda: becomes(ExecutionStatus.STARTING))

            answered(trigger)

            assert statuses() == ["starting", "queued"]

    def test_one_that_an_admission_holds_at_that_moment_is_left_to_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trigger = make_trigger(limits={"overlap": "coalesce"})
        answered(trigger)
        with monkeypatch.context() as patched:
            patched.setattr(decide_commit, "hold_queued", lambda _: False)
            arrive(trigger)
            assert decide_pending(now=NOON) == 0
        assert decide_pending(now=NOON) == 1
