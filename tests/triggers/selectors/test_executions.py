"""The trail and the detail of an execution, and who may see it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.enums import Role
from agents.enums import AgentStatus, WaitsFor
from deliverables.enums import DeliverableStatus
from tests.factories.accounts import make_user
from tests.factories.agents import set_limits
from tests.factories.executions import (
    make_admitted,
    make_event,
    make_execution,
    make_launched,
    set_agent,
    set_deliverables,
)
from triggers.enums import Origin, StepName, StepStatus
from triggers.models import Execution, ExecutionStep
from triggers.selectors.executions import detail_of, executions_visible_to
from triggers.selectors.trail import trail_of
from triggers.services.executions import cancel
from triggers.services.launch.admitted import launch_some
from triggers.services.settle.working import settle_some
from workspaces.models import WorkspaceTemplate

pytestmark = pytest.mark.django_db


def _trail(execution: Execution, now: datetime) -> dict[str, str]:
    fresh = Execution.objects.select_related("event").get(pk=execution.pk)
    return {leg["name"]: leg["state"].value for leg in trail_of(fresh, now=now)}


def _fresh(execution: Execution) -> Execution:
    return Execution.objects.get(pk=execution.pk)


def _states(*states: str) -> dict[str, str]:
    return dict(zip(("Noticed", "Decided", "Waited", "Prepared", "Agent at work", "Proven"), states, strict=True))


def test_a_trail_goes_leg_by_leg(now: datetime) -> None:
    set_limits(max_agents=0)
    execution = make_execution()
    assert _trail(execution, now) == _states("done", "done", "wait", "todo", "todo", "todo")
    execution = make_admitted()
    assert _trail(execution, now) == _states("done", "done", "done", "todo", "todo", "todo")
    launch_some(owner="a", now=now)
    assert _trail(execution, now) == _states("done", "done", "done", "done", "live", "todo")
    set_agent(_fresh(execution), AgentStatus.RUNNING, claims_done_at=now)
    settle_some(now=now)
    assert _trail(execution, now) == _states("done", "done", "done", "done", "done", "live")
    set_deliverables(_fresh(execution), DeliverableStatus.SATISFIED)
    set_agent(_fresh(execution), AgentStatus.COMPLETED)
    settle_some(now=now)
    assert _trail(execution, now) == _states("done", "done", "done", "done", "done", "done")


def test_rounds_are_counted_in_one_leg_only(now: datetime) -> None:
    execution = make_launched()

    def prove(*, at: datetime) -> None:
        set_agent(execution, AgentStatus.RUNNING, claims_done_at=at)
        settle_some(now=at)

    prove(at=now + timedelta(seconds=2))
    set_agent(execution, AgentStatus.RUNNING, claims_done_at=None)
    settle_some(now=now + timedelta(seconds=3))
    sent_back = trail_of(_fresh(execution), now=now + timedelta(seconds=4))
    assert (sent_back[5]["state"], sent_back[5]["ms"]) == ("todo", None)
    prove(at=now + timedelta(seconds=7))
    again = trail_of(_fresh(execution), now=now + timedelta(seconds=8))
    assert (again[5]["state"], again[5]["ms"]) == ("live", 1_000)


def test_a_leg_that_broke_off_says_why(now: datetime) -> None:
    execution = make_admitted()
    WorkspaceTemplate.objects.all().delete()
    launch_some(owner="a", now=now)
    legs = trail_of(Execution.objects.get(pk=execution.pk), now=now)
    assert (legs[3]["state"], legs[3]["note"][:22]) == ("failed", "The workspace template")
    assert legs[5]["state"] == "todo"


def test_a_leg_that_is_half_way_is_live(now: datetime) -> None:
    execution = make_admitted()
    ExecutionStep.objects.filter(execution=execution, name=StepName.CLONE).update(status=StepStatus.DONE)
    assert _trail(execution, now)["Prepared"] == "live"
    ExecutionStep.objects.filter(execution=execution).delete()
    assert _trail(execution, now)["Prepared"] == "todo"
    assert _trail(execution, now)["Proven"] == "todo"


@pytest.mark.parametrize(
    ("what", "leg"), [("review", "Prepared"), ("question", "Agent at work"), ("unsatisfied", "Proven")]
)
def test_the_leg_that_waits_for_a_person_says_so(what: str, leg: str, now: datetime) -> None:
    execution = make_launched(workspace={"deploy": "draft"} if what == "review" else {})
    if what != "review":
        set_agent(execution, AgentStatus.WAITING, waits_for=WaitsFor(what))
        settle_some(now=now)
    assert [name for name, state in _trail(execution, now).items() if state == "person"] == [leg]


def test_what_never_started_broke_off_while_it_waited(now: datetime) -> None:
    execution = make_execution()
    cancel(execution=execution, by=Actor.system(), now=now + timedelta(seconds=3))
    legs = trail_of(Execution.objects.get(pk=execution.pk), now=now)
    assert (legs[2]["state"], legs[2]["ms"]) == ("failed", 3000)


def test_what_is_asked_again_was_noticed_when_it_was_asked(now: datetime) -> None:
    last_week = now - timedelta(days=7)
    first = make_execution(event=make_event(time=last_week))
    again = make_execution(event=make_event(time=last_week, origin=Origin.REPLAY))
    assert trail_of(first, now=now)[0]["ms"] == timedelta(days=7) / timedelta(milliseconds=1)
    assert trail_of(again, now=now)[0]["ms"] == 0


def test_durations_are_never_negative(now: datetime) -> None:
    execution = make_execution(event=make_event(time=now + timedelta(hours=1), decided_at=now + timedelta(seconds=2)))
    legs = trail_of(execution, now=now)
    assert [leg["ms"] for leg in legs] == [0, 2000, 0, None, None, None]


def test_a_detail_says_position_and_reason(now: datetime) -> None:
    set_limits(max_agents=1)
    make_admitted()
    set_limits(max_agents=1)
    waiting = make_execution()
    detail = detail_of(waiting, now=now)
    assert (detail.position, detail.waits_for) == (1, "the only agent slot is busy")
    Execution.objects.update(start=None)
    assert detail_of(Execution.objects.get(pk=waiting.pk), now=now).position is None


def test_a_detail_has_everything_of_the_execution(now: datetime) -> None:
    execution = make_launched()
    detail = detail_of(execution, now=now)
    assert (detail.position, detail.waits_for) == (None, "")
    assert (len(detail.steps), len(detail.attempts), len(detail.agents), len(detail.deliverables)) == (5, 1, 1, 1)
    assert detail.deliverables[0].checks.all()


def test_people_see_executions_of_their_triggers_and_workspaces(now: datetime) -> None:
    execution = make_execution()
    assert list(executions_visible_to(user=execution.trigger.owner)) == [execution]
    assert list(executions_visible_to(user=make_user(role=Role.SUPPORT))) == [execution]
    assert not executions_visible_to(user=make_user(role=Role.CEO)).exists()
    assert not executions_visible_to(user=None).exists()


def test_a_list_asks_no_more_for_more_rows(now: datetime) -> None:
    helper = make_user(role=Role.SUPPORT)

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            for row in executions_visible_to(user=helper):
                trail_of(row, now=now)
        return len(asked)

    make_execution()
    before = cost()
    make_execution()
    assert cost() == before
