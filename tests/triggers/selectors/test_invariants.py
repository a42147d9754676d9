"""What must always be so: a world in order breaks none of it, and each rule finds what it is there to find."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from accounts.enums import Source
from agents.enums import AgentStatus, RunStatus, StartStatus, Strategy
from agents.models import Agent, AgentRun, Reservation, SlotHolder, StartRequest
from agents.services.runs import claim
from dct_site.diagnosis.findings import Standing
from dct_site.diagnosis.invariants import look_at_invariants
from tests.factories import at_work as worlds
from tests.factories.agents import make_start
from tests.factories.executions import agent_of, make_event, make_execution, make_launched
from tests.factories.schedules import make_schedule
from tests.factories.triggers import NOON, WrittenOut, make_delivery, make_jira, make_trigger, make_watch
from triggers.enums import DeliveryStatus, ExecutionStatus
from triggers.models import DeliveryOutcome, Execution, Firing, PendingDelivery, Schedule
from triggers.selectors.health import health
from triggers.selectors.invariants import INVARIANTS, MISSING_DIRECTORY, broken, broken_quickly
from triggers.services.decide.pending import decide_pending
from triggers.sources import registry
from workspaces import files
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
LEASE = timedelta(seconds=15)


@pytest.fixture(autouse=True)
def _written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, Source.JIRA.value, WrittenOut())


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def fired() -> Execution:
    """A queued execution, as decide leaves it."""
    make_delivery(make_trigger().listeners.get().connection)
    assert decide_pending(now=NOON) == 1
    return Execution.objects.get()


def launched() -> Execution:
    """An execution at work whose agent has a slot and no run yet, as a launch leaves it."""
    execution = make_launched()
    Firing.objects.create(trigger=execution.trigger, event=execution.event, execution=execution)
    return execution


def at_work() -> Execution:
    """The same with a live run."""
    execution = launched()
    assert claim(agent_of(execution).pk, owner="me", now=NOON, lease=LEASE) is not None
    return execution


def undecided() -> None:
    make_delivery(make_jira())


def overdue_watch() -> None:
    trigger = make_trigger()
    make_watch(trigger, make_event(), due_at=NOON)


def overdue_schedule() -> None:
    make_schedule()
    Schedule.objects.update(next_at=NOON)


def nobodys_delivery() -> None:
    make_delivery(make_jira())
    PendingDelivery.objects.all().delete()


def answered_twice() -> None:
    delivery = make_delivery(make_jira())
    DeliveryOutcome.objects.create(delivery=delivery, status=DeliveryStatus.DECIDED, decided_at=NOON)


def ran_twice() -> None:
    first = make_execution()
    make_execution(trigger=first.trigger, event=first.event)


def not_fired() -> None:
    make_execution()


def queued_for_nothing() -> None:
    fired()
    StartRequest.objects.update(status=StartStatus.CANCELLED)


def never_launched() -> None:
    launched()
    Execution.objects.update(status=ExecutionStatus.STARTING, lease_until=None)
    StartRequest.objects.update(admitted_at=NOON)


def left_by_its_launcher() -> None:
    launched()
    Execution.objects.update(status=ExecutionStatus.STARTING, lease_until=NOON)


def without_end() -> None:
    at_work()
    Execution.objects.update(deadline_at=None)


def overdue() -> None:
    at_work()
    Execution.objects.update(deadline_at=NOON)


def lease_over() -> None:
    at_work()
    AgentRun.objects.update(lease_until=NOON)


def run_of_the_dead() -> None:
    at_work()
    Agent.objects.update(status=AgentStatus.STOPPED)


def without_a_run() -> None:
    at_work()
    AgentRun.objects.update(status=RunStatus.LOST)


def not_started() -> None:
    launched()
    SlotHolder.objects.update(taken_at=NOON)


def slot_of_nobody() -> None:
    at_work()
    StartRequest.objects.update(status=StartStatus.DONE)


def slot_of_the_dead() -> None:
    at_work()
    AgentRun.objects.update(status=RunStatus.ENDED)
    Agent.objects.update(status=AgentStatus.FAILED)
    Execution.objects.update(status=ExecutionStatus.FAILED, ended_at=NOON)


def no_slot() -> None:
    at_work()
    SlotHolder.objects.all().delete()


def reservation_of_the_done() -> None:
    execution = at_work()
    Reservation.objects.create(
        start=StartRequest.objects.get(subject_id=execution.pk, kind="execution"),
        key="trigger:1",
        day=NOON.date(),
        runs=1,
        taken_at=NOON,
    )
    StartRequest.objects.update(status=StartStatus.DONE)


def two_in_turn() -> None:
    at_work()
    for subject in (1, 2):
        start = make_start(subject, concurrency_key="trigger:1", is_in_turn=True)
        StartRequest.objects.filter(pk=start.pk).update(status=StartStatus.ADMITTED)


def missing_directory() -> None:
    at_work()
    shutil.rmtree(files.root_of(Workspace.objects.get()))


BROKEN: list[tuple[Callable[[], None], str, float]] = [
    # What is done, the rule that finds it, and for how many seconds it may be so.
    (undecided, "undecided", 10),
    (overdue_watch, "overdue_watch", 10),
    (overdue_schedule, "overdue_schedule", 10),
    (nobodys_delivery, "nobodys_delivery", 0),
    (answered_twice, "answered_twice", 0),
    (ran_twice, "ran_twice", 0),
    (not_fired, "not_fired", 0),
    (queued_for_nothing, "queued_for_nothing", 0),
    (never_launched, "not_launched", 10),
    (left_by_its_launcher, "not_launched", 10),
    (without_end, "without_end", 0),
    (overdue, "without_end", 10),
    (lease_over, "dead_epoch", 10),
    (run_of_the_dead, "dead_epoch", 0),
    (without_a_run, "without_a_run", 0),
    (not_started, "not_started", 10),
    (slot_of_nobody, "orphan_slot", 0),
    (slot_of_the_dead, "orphan_slot", 60),
    (no_slot, "no_slot", 0),
    (reservation_of_the_done, "orphan_reservation", 0),
    (two_in_turn, "two_in_turn", 0),
    (missing_directory, "missing_directory", 0),
]


@pytest.mark.parametrize("make", [fired, launched, at_work])
def test_a_world_in_order_breaks_nothing(make: Callable[[], object]) -> None:
    make()
    assert broken(now=after(1)) == broken_quickly(now=after(1)) == []


@pytest.mark.parametrize(("do", "code", "seconds"), BROKEN, ids=[do.__name__ for do, _, _ in BROKEN])
def test_each_rule_finds_what_it_is_there_to_find(do: Callable[[], None], code: str, seconds: float) -> None:
    do()
    at, quick = after(seconds + 0.5), {one.code for one in INVARIANTS if one.is_quick}
    found = {one.invariant.code: one for one in broken(now=at)}
    assert code in found
    assert found[code].count == len(found[code].ids) > 0
    assert (code in {one.invariant.code for one in broken_quickly(now=at)}) == (code in quick)
    if seconds:
        assert code not in {one.invariant.code for one in broken(now=after(seconds - 0.5))}


def test_no_rule_is_without_a_test() -> None:
    assert {code for _, code, _ in BROKEN} == {one.code for one in (*INVARIANTS, MISSING_DIRECTORY)}


def test_health_says_what_is_broken_with_what_to_do_and_names_five() -> None:
    connection = make_jira()
    for _ in range(7):
        make_delivery(connection)
    (reason,) = [one for one in health(now=after(11)).reasons if one.code == "undecided"]
    assert reason.state == "error"
    assert reason.text.startswith("7 deliveries wait for longer than 10 s to be decided (")
    assert reason.text.count(",") == 5
    assert reason.text.endswith(", …).")
    assert "engine" in reason.advice


def test_where_all_is_well_it_is_one_question() -> None:
    fired()
    with CaptureQueriesContext(connection) as asked:
        assert broken_quickly(now=after(1)) == []
    assert len(asked) == 1


def test_the_doctor_tells_each_and_that_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    (well,) = look_at_invariants()
    assert (well.standing, well.detail) == (Standing.OK, f"all {len(INVARIANTS) + 1} hold")
    not_fired()
    (finding,) = look_at_invariants()
    assert (finding.standing, finding.what) == (Standing.FAIL, "not_fired")
    assert finding.detail.startswith("1 executions came of no firing (")

    def away(**_: object) -> None:
        raise DatabaseError("connection\nrefused")

    monkeypatch.setattr("dct_site.diagnosis.invariants.broken", away)
    (finding,) = look_at_invariants()
    assert (finding.standing, "connection refused" in finding.detail) == (Standing.FAIL, True)


@pytest.mark.parametrize("strategy", [Strategy.STOP_AND_NOTIFY, Strategy.QUEUE_FOR_EXISTING])
def test_news_that_is_given_to_an_agent_at_work_breaks_none(strategy: Strategy) -> None:
    world = worlds.at_work(strategy)
    given = [world.given() for _ in range(2)]
    Firing.objects.bulk_create(
        Firing(trigger=one.trigger, event=one.event, execution=one) for one in (world.first, *given)
    )
    Agent.objects.update(not_before=after(86_400))
    assert [one.text for one in broken(now=after(30))] == []


def test_a_start_that_asked_for_no_slot_is_a_leak_when_its_execution_has_ended() -> None:
    second = worlds.at_work(Strategy.QUEUE_FOR_EXISTING).given()
    Execution.objects.filter(pk=second.pk).update(status=ExecutionStatus.FAILED, ended_at=NOON)
    assert "no_slot" in {one.invariant.code for one in broken(now=after(3_600))}
