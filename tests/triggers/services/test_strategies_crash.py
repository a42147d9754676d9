"""A launcher or settler that is killed while it gives news to an agent at work: no update lost, none twice, no two
agents in one workspace.
"""

from datetime import timedelta

import pytest

from agents.enums import AgentStatus, IntentKind, IntentStatus, Pool, Strategy
from agents.models import Agent, AgentIntent, SlotHolder
from agents.services import admission
from agents.services.conversation import instructions_of
from agents.services.settle_intents import settle
from tests.factories.at_work import at_work, fresh
from tests.factories.executions import NOON
from tests.triggers.services.doomed import Doomed
from triggers.enums import ExecutionStatus
from triggers.models import Attempt
from triggers.services.launch.admitted import launch_some
from triggers.services.settle.working import settle_some
from workspaces.models import ContextFile, Workspace

pytestmark = pytest.mark.django_db(transaction=True)
AFTER_THE_LEASE = NOON + timedelta(seconds=61)
PLACES = ["context.after_files", "launch.after_news", "launch.in_give", "launch.after_give"]


def _slots() -> dict[str, int]:
    return {pool.value: SlotHolder.objects.filter(pool=pool).count() for pool in Pool}


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_replacement_converges_to_one_successor(place: str, doomed: Doomed) -> None:
    world = at_work(Strategy.STOP_AND_NOTIFY)
    before = world.agent
    second = world.news()
    assert doomed.is_killed("launch", place)
    launch_some(owner="next", now=AFTER_THE_LEASE)
    second = fresh(second)
    assert (second.status, second.workspace_id) == (ExecutionStatus.RUNNING, world.first.workspace_id)
    assert fresh(world.first).replaced_by_id == second.pk
    successor = Agent.objects.get(replaces=before)
    assert Agent.objects.count() == 2
    assert AgentIntent.objects.filter(kind=IntentKind.STOP).count() == 1
    assert len(instructions_of(successor)) == 1
    assert Workspace.objects.count() == 1
    paths = ContextFile.objects.filter(path__startswith="news/").values_list("path", flat=True)
    assert len(set(paths)) == len(paths) > 0
    settle(before.pk, now=AFTER_THE_LEASE)
    admission.admit(now=AFTER_THE_LEASE)
    assert _slots() == {"agents": 1, "workspaces": 1}


@pytest.mark.parametrize("place", PLACES)
def test_killed_news_is_on_its_way_once(place: str, doomed: Doomed) -> None:
    world = at_work(Strategy.QUEUE_FOR_EXISTING)
    second = world.news()
    assert doomed.is_killed("launch", place)
    launch_some(owner="next", now=AFTER_THE_LEASE)
    second = fresh(second)
    assert (second.status, second.workspace_id) == (ExecutionStatus.RUNNING, None)
    assert AgentIntent.objects.get(kind=IntentKind.NEWS).status == IntentStatus.PENDING
    assert Attempt.objects.filter(execution=second).count() == 1
    settle(world.agent.pk, now=AFTER_THE_LEASE)
    settle(world.agent.pk, now=AFTER_THE_LEASE)
    assert len(instructions_of(world.agent)) == 1


def test_a_fall_back_that_is_killed_half_way_is_made_whole(doomed: Doomed) -> None:
    world = at_work(Strategy.QUEUE_FOR_EXISTING)
    second = world.given()
    Agent.objects.update(status=AgentStatus.FAILED)
    assert doomed.is_killed("settle", "settle.in_fall_back")
    assert fresh(second).news is not None or fresh(second).status == ExecutionStatus.RUNNING
    settle_some(now=NOON)
    second = fresh(second)
    assert (second.status, second.news) == (ExecutionStatus.QUEUED, None)
    assert second.start is not None
    assert second.start.workspaces == 1
    assert AgentIntent.objects.get(kind=IntentKind.NEWS).status == IntentStatus.DROPPED
