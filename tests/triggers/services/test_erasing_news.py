"""Erasing finds what was told to an agent at work, although the execution that brought it has no workspace."""

from pathlib import Path

import pytest

from agents.enums import AgentStatus, Strategy
from agents.models import Agent, AgentMessage
from agents.services.settle_intents import settle
from tests.factories.at_work import AtWork, at_work, fresh
from tests.factories.executions import NOON
from tests.triggers.services.test_erasing import CANARY, erase
from triggers.enums import ErasureStatus, ExecutionStatus
from triggers.models import Execution
from triggers.services.keeping.erase_find import Person
from triggers.services.keeping.erasing import Subject
from triggers.services.settle.working import settle_some
from workspaces import files
from workspaces.models import ContextFile

pytestmark = pytest.mark.django_db
KIM = Subject(person=Person(CANARY))


def _told() -> tuple[AtWork, Execution, Path]:
    """The second event alone names the person; the agent was told of it."""
    world = at_work(Strategy.QUEUE_FOR_EXISTING)
    second = world.given(actor=CANARY)
    settle(world.agent.pk, now=NOON)
    path = files.root_of(world.agent.workspace) / f"context/news/{second.pk}/event.json"
    assert CANARY in path.read_text()
    return world, second, path


def _end(status: AgentStatus) -> None:
    Agent.objects.update(status=status)
    settle_some(now=NOON)
    Execution.objects.exclude(status__in=Execution.MOVES.terminal).update(
        status=ExecutionStatus.FAILED, attention="", ended_at=NOON
    )


def test_an_agent_that_still_works_on_it_is_waited_for() -> None:
    _told()
    Execution.objects.update(status=ExecutionStatus.FAILED, ended_at=NOON)
    erasure = erase(KIM)
    assert (erasure.status, erasure.waits_for) == (
        ErasureStatus.RUNNING,
        "It waits until the runs about it have ended.",
    )


@pytest.mark.parametrize("status", [AgentStatus.COMPLETED, AgentStatus.FAILED])
def test_news_is_erased_from_the_workspace_of_the_agent_that_was_told(status: AgentStatus) -> None:
    """Also where that agent ended first, and the execution fell back and knows it no more."""
    world, second, path = _told()
    _end(status)
    assert (fresh(second).news is None) is (status == AgentStatus.FAILED)
    assert erase(KIM).status == ErasureStatus.DONE
    assert not path.exists()
    assert not ContextFile.objects.filter(workspace=world.first.workspace_id).exists()
    assert not AgentMessage.objects.filter(agent_id=world.agent.pk).exists()
