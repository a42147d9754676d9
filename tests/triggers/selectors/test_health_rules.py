"""Each rule of health finds what it is there to find, just beyond its threshold and not before."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import override_settings

from accounts.actor import Actor
from accounts.enums import Source
from accounts.services.heartbeat import beat
from agents.budget import BudgetBounds
from agents.enums import BudgetWindow, Pool
from agents.models import SlotHolder, Spending
from agents.services import admission
from tests.factories.agents import make_start, set_limits
from tests.factories.executions import make_execution, make_running_trigger
from tests.factories.triggers import NOON, make_delivery, make_jira, make_listener
from tests.factories.workspaces import make_connection
from triggers.enums import ListenerStatus, ListenerType, Verification
from triggers.models import ContextListener, WebhookEndpoint
from triggers.selectors.health import RULES, health
from triggers.selectors.health.rules import HEALTH_STATES
from triggers.services import standing

pytestmark = pytest.mark.django_db


def told(code: str, *, at: datetime = NOON) -> list[str]:
    return [reason.text for reason in health(now=at).reasons if reason.code == code]


def test_every_code_is_one_rule_s_and_every_rule_says_when_and_what_to_do() -> None:
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)
    assert all(rule.when and rule.advice.endswith(".") for rule in RULES)
    assert {state for rule in RULES for state in rule.states} <= set(HEALTH_STATES[1:])


@override_settings(SCALED=False)
def test_a_clock_that_fails_in_a_live_engine_is_told_apart_from_a_dead_engine() -> None:
    beat(role="tick", owner="clock", now=NOON - timedelta(seconds=34), facts={})
    assert told("clock_stands") == []  # the engine's own silence says it all
    beat(role="engine", owner="one", now=NOON, facts={})
    (text,) = told("clock_stands")
    assert "last ticked 34 s ago" in text
    beat(role="tick", owner="clock", now=NOON, facts={})
    assert told("clock_stands") == []


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (ListenerStatus.BREAKER_OPEN, "breaker_open", "error"),
        (ListenerStatus.CREDENTIAL_EXPIRED, "credential_expired", "error"),
        (ListenerStatus.DEGRADED, "listener_degraded", "warning"),
        (ListenerStatus.SILENT, "listener_silent", "warning"),
    ],
)
def test_a_connection_is_told_once_for_all_its_listeners(status: ListenerStatus, code: str, state: str) -> None:
    connection = make_jira(name="Ferries")
    ContextListener.objects.update(status=status, status_reason="No answer.")
    (reason,) = [one for one in health(now=NOON).reasons if one.code == code]
    assert (reason.state, reason.text) == (state, f"Ferries: {status.label.lower()}. No answer.")
    assert {one.code for one in health(now=NOON).reasons if one.topic == "connections"} == {code}
    assert connection.listeners.count() == 1


@pytest.mark.parametrize(
    ("over", "is_told"),
    [
        ({}, True),
        ({"next_due_at": NOON - timedelta(minutes=2)}, False),
        ({"claimed_until": NOON + timedelta(seconds=1)}, False),
        ({"status": ListenerStatus.PAUSED}, False),
        ({"listener_type": ListenerType.WEBHOOK}, False),
    ],
)
def test_a_poll_that_nobody_makes_is_told(over: dict[str, object], is_told: bool) -> None:
    due = {"next_due_at": NOON - timedelta(minutes=3), "listener_type": ListenerType.EMAIL}
    make_listener(connection=make_connection(source=Source.EMAIL), **{**due, **over})
    assert bool(told("unpolled")) == is_told


@pytest.mark.parametrize(("count", "words"), [(3, []), (4, ["takes 4 of the 5"])])
def test_a_door_that_takes_nearly_all_that_it_may_is_told(count: int, words: list[str]) -> None:
    connection = make_jira()
    WebhookEndpoint.objects.create(
        connection=connection,
        verification=Verification.HMAC_SHA256,
        rate_per_minute=5,
        created_at=NOON,
        updated_at=NOON,
    )
    make_delivery(connection, now=NOON - timedelta(seconds=61))
    for _ in range(count):
        make_delivery(connection, now=NOON - timedelta(seconds=5))
    assert [any(one in text for text in told("door_busy")) for one in words] == [True] * len(words)
    assert bool(told("door_busy")) == bool(words)


def test_a_limit_of_nothing_is_told_by_name() -> None:
    set_limits(max_workspaces=0)
    assert told("limit_zero") == ["The limit of workspaces is 0: nothing new starts."]


def hold_all() -> None:
    for number in (1, 2):
        start = make_start(number)
        SlotHolder.objects.create(pool=Pool.AGENTS, start=start, taken_at=NOON)
        type(start).objects.filter(pk=start.pk).update(status="admitted")


@pytest.mark.parametrize(("age", "limit", "is_told"), [(61, 2, True), (60, 2, False), (61, 3, False)])
def test_slots_that_are_all_held_while_somebody_waits_are_told(age: int, limit: int, is_told: bool) -> None:
    set_limits(max_agents=limit)
    hold_all()
    make_start(3, now=NOON - timedelta(seconds=age))
    words = ["All 2 slots for agents are held; 1 execution waits for longer than a minute, the oldest for 61 s."]
    assert told("slots_full") == (words if is_told else [])


def test_the_oldest_that_waits_is_told() -> None:
    make_start(1)
    make_start(2, now=NOON + timedelta(minutes=30))
    at = NOON + timedelta(hours=3)
    assert told("long_wait", at=at) == ["2 executions wait for longer than 10 minutes, the oldest for 3 h."]


@pytest.mark.parametrize(("bound", "is_told"), [(5, True), (6, False), (None, False)])
def test_a_trigger_whose_queue_is_nearly_full_is_told(bound: int | None, is_told: bool) -> None:
    trigger = make_running_trigger(limits={"max_queued": bound})
    for _ in range(4):
        make_execution(trigger=trigger)
    assert told("queue_near_bound") == ([f"4 executions of {trigger.name} wait, of 5 that may."] if is_told else [])


def test_a_start_that_a_lowered_limit_shuts_out_is_told() -> None:
    set_limits(max_agents=3)
    make_start(1, agents=3)
    assert told("too_large") == []
    set_limits(max_agents=2)
    admission.admit(now=NOON)
    assert told("too_large") == ["1 execution waits for more slots at once than the limits allow."]


@pytest.mark.parametrize(
    ("used", "words"),
    [
        ({"runs": 7, "money": 9_990_000}, []),
        (
            {"runs": 8, "money": 12_500_000},
            [
                "{} has used 8 of 10 runs this month; its budget begins anew on 2026-12-01 at 00:00 UTC.",
                "{} has used money of 12.50 of 12.50 this month; its budget begins anew on 2026-12-01 at 00:00 UTC.",
            ],
        ),
    ],
)
def test_a_budget_is_near_from_four_fifths_on(used: dict[str, int], words: list[str]) -> None:
    trigger, other = (make_running_trigger() for _ in range(2))
    for row in (trigger, other):
        bounds = BudgetBounds(window=BudgetWindow.MONTH, runs=10, money=12_500_000)
        admission.set_budget(key=f"trigger:{row.pk}", bounds=bounds, now=NOON)
        Spending.objects.create(key=f"trigger:{row.pk}", day=NOON.date().replace(day=1), **used)
        Spending.objects.create(key=f"trigger:{row.pk}", day=NOON.date() - timedelta(days=31), runs=10)
    standing.disable(trigger=other, by=Actor.system(), now=NOON)
    assert told("budget_near") == [one.format(trigger.name) for one in words]


def test_asking_costs_the_same_whatever_lies_there(django_assert_max_num_queries: Callable[..., object]) -> None:
    trigger = make_running_trigger(limits={"max_queued": 50})
    for _ in range(3):
        make_execution(trigger=trigger)
        make_jira()
    with django_assert_max_num_queries(30):  # type: ignore[attr-defined]
        health(now=NOON)
