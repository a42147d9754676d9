"""Figures of a trigger: legs, rates, what was suppressed; counted in a window, read by index, shown to who sees it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.executions import make_event, make_execution, make_running_trigger
from tests.factories.triggers import NOON
from tests.triggers.api.test_triggers import Caller
from triggers.enums import ExecutionStatus, Failure, Origin, Outcome, StepName, StepStatus, Suppression, Window
from triggers.models import Decision, Event, Execution, ExecutionStep, Trigger
from triggers.selectors import metrics
from triggers.selectors.metrics import WHOLE, metrics_of, metrics_of_all

pytestmark = pytest.mark.django_db
S = timedelta(seconds=1)


def ended(
    trigger: Trigger, at: datetime, *, waited: int = 1, status: ExecutionStatus = ExecutionStatus.SUCCEEDED
) -> Execution:
    """One that noticed for 1 s, decided for 2, waited, prepared for 3, worked for 4, was proven for 5 and ended."""
    event = make_event(now=at - (14 + waited) * S)
    type(event).objects.filter(pk=event.pk).update(decided_at=event.accepted_at + 2 * S)
    execution = make_execution(trigger=trigger, event=event, now=event.accepted_at + 2 * S)
    started = execution.queued_at + waited * S
    Execution.objects.filter(pk=execution.pk).update(started_at=started, ended_at=at, status=status)
    spans = {
        StepName.CLONE: (0, 1),
        StepName.CONTEXT: (1, 2),
        StepName.DEPLOY: (2, 3),
        StepName.WORK: (3, 7),
        StepName.VERIFY: (7, 12),
    }
    for name, (began, over) in spans.items():
        ExecutionStep.objects.filter(execution=execution, name=name).update(
            started_at=started + began * S, ended_at=started + over * S, status=StepStatus.DONE
        )
    return execution


def hold_back(trigger: Trigger, reason: Suppression, at: datetime) -> None:
    assert trigger.published is not None
    Decision.objects.create(
        event=make_event(),
        trigger=trigger,
        revision=trigger.published,
        outcome=Outcome.SUPPRESSED,
        suppressed_by=reason,
        detail="Not now.",
        generation=1,
        at=at,
    )


def test_each_leg_has_its_mean_and_what_95_of_100_stay_below() -> None:
    trigger = make_running_trigger()
    for number in range(1, 21):
        ended(trigger, NOON - number * S, waited=number)
    legs = {
        leg.name: (leg.count, leg.mean_ms, leg.p95_ms) for leg in metrics_of(trigger, window=Window.DAY, now=NOON).legs
    }
    assert legs == {
        "Noticed": (20, 1000, 1000),
        "Decided": (20, 2000, 2000),
        "Waited": (20, 10_500, 19_000),
        "Prepared": (20, 3000, 3000),
        "Agent at work": (20, 4000, 4000),
        "Proven": (20, 5000, 5000),
        WHOLE: (20, 25_500, 34_000),
    }


def test_a_replay_of_last_week_was_noticed_when_it_was_asked() -> None:
    trigger = make_running_trigger()
    execution = ended(trigger, NOON - S, waited=1)
    Event.objects.filter(pk=execution.event_id).update(origin=Origin.REPLAY, time=NOON - 7 * 86_400 * S)
    legs = {leg.name: leg.mean_ms for leg in metrics_of(trigger, window=Window.DAY, now=NOON).legs}
    assert legs["Noticed"] == 0
    assert (legs[WHOLE] or 0) < 60_000


def test_rates_are_of_what_succeeded_or_failed_in_the_window_of_this_trigger() -> None:
    trigger = make_running_trigger()
    for status in (ExecutionStatus.SUCCEEDED,) * 3 + (ExecutionStatus.CANCELLED,):
        ended(trigger, NOON, status=status)
    timed_out = ended(trigger, NOON, status=ExecutionStatus.TIMED_OUT)
    ExecutionStep.objects.filter(execution=timed_out, name=StepName.CLONE).update(status=StepStatus.FAILED)
    ended(trigger, NOON - timedelta(hours=1), status=ExecutionStatus.FAILED)
    ended(make_running_trigger(), NOON, status=ExecutionStatus.FAILED)
    hour = metrics_of(trigger, window=Window.HOUR, now=NOON)
    assert (hour.total, hour.success_rate, hour.failure_rate) == (5, 0.75, 0.25)
    assert hour.failures == {Failure.WORKSPACE_CREATION: 1}
    day = metrics_of(trigger, window=Window.DAY, now=NOON)
    assert (day.total, day.failure_rate) == (6, 0.4)
    assert metrics_of_all(window=Window.DAY, now=NOON).ended[ExecutionStatus.FAILED] == 2
    assert metrics_of(make_running_trigger(), window=Window.DAY, now=NOON).success_rate is None


def test_what_did_not_fire_is_counted_by_why() -> None:
    trigger = make_running_trigger()
    for reason in (Suppression.COOLDOWN, Suppression.COOLDOWN, Suppression.PAUSED):
        hold_back(trigger, reason, NOON)
    hold_back(trigger, Suppression.COOLDOWN, NOON - timedelta(hours=1))
    found = metrics_of(trigger, window=Window.HOUR, now=NOON).suppressed
    assert found == {Suppression.COOLDOWN: 2, Suppression.PAUSED: 1}


def test_times_are_of_the_newest_and_say_of_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "SAMPLE", 2)
    trigger = make_running_trigger()
    for number in range(3):
        ended(trigger, NOON - number * S, waited=1 + number)
    found = metrics_of(trigger, window=Window.HOUR, now=NOON)
    assert (found.total, found.sampled) == (3, 2)
    assert {leg.name: leg.mean_ms for leg in found.legs}["Waited"] == 1500


def plan_of(rows: Any) -> str:
    """The query's plan; PostgreSQL is kept from scanning or sorting the few rows of a test.

    Without statistics, any index and a sort costs it as much as the index that is in order.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    return str(rows.explain())


def test_what_is_counted_is_found_by_index_never_by_a_scan() -> None:
    trigger = make_running_trigger()
    recent = Execution.objects.filter(ended_at__gt=NOON, ended_at__lte=NOON).order_by("-ended_at")
    assert "execution_ended" in plan_of(recent)
    assert "execution_ended_of_trigger" in plan_of(recent.filter(trigger=trigger))
    held = Decision.objects.filter(trigger=trigger, outcome=Outcome.SUPPRESSED, at__gt=NOON).order_by()
    assert "decision_suppressed_lately" in plan_of(held.values("suppressed_by"))


@time_machine.travel(NOON, tick=False)
def test_page_and_api_tell_them_to_those_who_see_the_trigger() -> None:
    trigger = make_running_trigger()
    ended(trigger, NOON)
    ended(trigger, NOON - timedelta(hours=2), status=ExecutionStatus.FAILED)
    hold_back(trigger, Suppression.COOLDOWN, NOON)
    support, stranger = Caller(make_user(role=Role.SUPPORT)), Caller(make_user(role=Role.CEO))
    path = f"/api/v1/triggers/{trigger.pk}/metrics/"
    told = support.get(f"{path}?window=hour").json()
    assert (told["ended"], told["suppressed"], told["sampled"]) == ({"succeeded": 1}, {"cooldown": 1}, 1)
    assert support.get(path).json()["failure_rate"] == 0.5
    assert support.get(f"{path}?window=year").status_code == 400
    assert stranger.get(path).status_code == 404
    page = support.get(f"/triggers/{trigger.pk}/metrics/").content.decode()
    for words in ("2 ended: 50% succeeded, 50% failed.", "Agent at work", "Cooldown: 1", "Deliverable completion: 1"):
        assert words in page
    assert stranger.get(f"/triggers/{trigger.pk}/metrics/").status_code == 404
    whole = support.get(f"/triggers/{trigger.pk}/").content.decode()
    assert f"/triggers/{trigger.pk}/metrics/?window=week" in whole
    assert "2 ended: 50% succeeded, 50% failed." in whole
    part = support.client.get(f"/triggers/{trigger.pk}/metrics/?window=hour", HTTP_HX_REQUEST="true")
    assert (part.status_code, "1 ended: 100% succeeded" in part.content.decode()) == (200, True)
