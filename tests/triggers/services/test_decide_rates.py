"""How often a trigger fires: a rate that suppresses, and a storm brake that pauses."""

from collections.abc import Sequence
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry, Connection
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_trigger
from triggers.enums import Origin, Outcome, Suppression, TriggerStatus
from triggers.models import Decision, Event, Execution, Trigger
from triggers.services import dry_run
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import pending as decide
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import Plan
from triggers.services.fire import fire
from triggers.services.standing import resume, shadow

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


def connection_of(trigger: Trigger) -> Connection:
    return trigger.listeners.get().connection


def answered(trigger: Trigger, at: float = 0) -> Decision:
    make_delivery(connection_of(trigger), now=after(at))
    decide_pending(now=after(at))
    return Decision.objects.get(event=Event.objects.latest("pk"))


def outcomes(trigger: Trigger, times: Sequence[float]) -> list[str]:
    """One batch of events that were accepted at these times."""
    for at in times:
        make_delivery(connection_of(trigger), now=after(at))
    decide_pending(now=after(max(times)))
    rows = Decision.objects.filter(trigger=trigger).order_by("event_id")
    return [one.suppressed_by or one.outcome for one in rows][-len(times) :]


class TestRate:
    def test_it_fires_so_often_in_any_window_and_says_until_when_it_may_not(self) -> None:
        trigger = make_trigger(limits={"rate_limit": 2, "rate_window_s": 100})
        assert [answered(trigger, at).outcome for at in (0, 30)] == [Outcome.FIRED, Outcome.FIRED]

        decision = answered(trigger, 99)

        assert (decision.suppressed_by, decision.until) == (Suppression.RATE, after(100))
        assert decision.detail == "it fired 2 times within 100 s, as often as it may"
        assert decision.facts == {"rate_limit": 2, "rate_window_s": 100}
        assert answered(trigger, 100).outcome == Outcome.FIRED
        assert answered(trigger, 129).until == after(130)

    def test_the_events_of_one_batch_are_counted_in_their_order(self) -> None:
        trigger = make_trigger(limits={"rate_limit": 2, "rate_window_s": 60})
        assert outcomes(trigger, [0, 10, 20, 60, 65]) == ["fired", "fired", "rate", "fired", "rate"]

    def test_a_window_that_is_not_said_is_an_hour(self) -> None:
        trigger = make_trigger(limits={"rate_limit": 1})
        assert outcomes(trigger, [0, 3599, 3600]) == ["fired", "rate", "fired"]

    def test_a_person_may_fire_past_it_where_they_may_fire_past_the_cooldown(self) -> None:
        trigger = make_trigger(limits={"rate_limit": 1})
        answered(trigger)
        by = Actor.person(make_user(), "page")  # type: ignore[arg-type]
        for is_bypassed in (False, True):
            fire(trigger=trigger, item=None, by=by, now=after(1), is_cooldown_bypassed=is_bypassed)
        decide_pending(now=after(1))

        rows = Decision.objects.order_by("event_id")
        assert [one.suppressed_by for one in rows] == ["", "rate", ""]

    def test_a_firing_after_the_plan_was_made_is_seen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trigger = make_trigger(limits={"rate_limit": 1})
        late = make_delivery(connection_of(trigger), now=after(1))
        waiting: list[Any] = [decide_commit.commit]

        def commit(plan: Plan) -> None:
            while waiting:
                waiting.pop()
                make_delivery(connection_of(trigger), now=after(2))
                with monkeypatch.context() as patched:
                    patched.setattr(decide, "commit", decide_commit.commit)
                    decide._decide([late.pk + 1], after(2))
            decide_commit.commit(plan)

        monkeypatch.setattr(decide, "commit", commit)
        decide._decide([late.pk], after(2))

        assert sorted(one.outcome for one in Decision.objects.all()) == ["fired", "suppressed"]

    def test_a_dry_run_tells_it_too(self) -> None:
        trigger = make_trigger(limits={"rate_limit": 1})
        event = answered(trigger).event

        tried = dry_run.try_on_events(
            trigger=trigger, document=trigger.draft, owner=trigger.owner, events=[event], now=after(5)
        )

        assert [(one.suppressed_by, one.until) for one in tried] == [("rate", after(3600))]

    def test_shadow_records_each_match(self) -> None:
        trigger = make_trigger(limits={"rate_limit": 1, "storm_limit": 1, "max_queued": 1, "overlap": "skip"})
        shadow(trigger=trigger, by=SYSTEM, now=NOON)
        assert outcomes(trigger, [0, 1]) == ["shadowed", "shadowed"]


class TestStorm:
    def test_one_firing_too_many_in_a_minute_pauses_the_trigger_once_and_says_why(self) -> None:
        trigger = make_trigger(limits={"storm_limit": 3})

        assert outcomes(trigger, [0, 10, 20, 30, 31]) == ["fired", "fired", "fired", "storm", "storm"]

        decision = Decision.objects.filter(suppressed_by=Suppression.STORM).earliest("event_id")
        assert decision.facts == {"fired": 3, "storm_limit": 3}
        trigger.refresh_from_db()
        assert trigger.status == TriggerStatus.PAUSED
        assert trigger.pause_reason == "It fired 3 times within a minute; its storm brake allows 3"
        entry = AuditEntry.objects.get(action="trigger.paused")
        assert entry.after["reason"] == trigger.pause_reason
        assert outcomes(trigger, [32]) == ["paused"]
        assert Execution.objects.count() == 3

    def test_as_many_spread_over_more_than_a_minute_are_no_storm(self) -> None:
        trigger = make_trigger(limits={"storm_limit": 2})
        assert outcomes(trigger, [0, 30, 60, 90, 120]) == ["fired"] * 5

    def test_whoever_resumes_it_gives_it_a_minute_of_its_own(self) -> None:
        trigger = make_trigger(limits={"storm_limit": 2})
        outcomes(trigger, [0, 1, 2])
        resume(trigger=trigger, by=SYSTEM, now=after(3))

        assert outcomes(trigger, [4, 5, 6]) == ["fired", "fired", "storm"]
        assert AuditEntry.objects.filter(action="trigger.paused").count() == 2

    def test_a_pause_that_was_cut_off_is_made_up_for_by_the_next_event(self, monkeypatch: pytest.MonkeyPatch) -> None:
        trigger = make_trigger(limits={"storm_limit": 1})
        with monkeypatch.context() as patched:
            patched.setattr(decide, "pause", lambda **_: None)
            assert outcomes(trigger, [0, 1]) == ["fired", "storm"]

        assert outcomes(trigger, [2]) == ["storm"]

        trigger.refresh_from_db()
        assert trigger.status == TriggerStatus.PAUSED

    def test_a_person_who_fires_by_hand_is_no_storm(self) -> None:
        trigger = make_trigger(limits={"storm_limit": 1})
        answered(trigger)
        fire(trigger=trigger, item=None, by=Actor.person(make_user(), "page"), now=after(1))  # type: ignore[arg-type]
        decide_pending(now=after(1))

        assert Decision.objects.get(event__origin=Origin.MANUAL).outcome == Outcome.FIRED
