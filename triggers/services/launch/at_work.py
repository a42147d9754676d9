"""Gives an execution to an agent that is at work: as news for its next turn, or to a successor in its workspace.

Two steps, as a launch: the files of the news, which may be written again, then one transaction. Either all of it holds
(the execution runs, the agent or its successor is told), or nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from agents.enums import Strategy
from agents.models import Agent
from agents.services import admission, intents, succession
from agents.services.predecessor import BEFORE_FILE
from agents.services.succession import AgentGone
from dct_site.kernel.crashpoints import crashpoint
from deliverables.services.specify import baselines, specify
from triggers.enums import ExecutionStatus, StepName
from triggers.models import Execution
from triggers.services import ends, steps
from triggers.services.execution_moves import go
from triggers.services.launch.checks import Plan, plan_of
from triggers.services.launch.context import news_for, news_path
from triggers.services.launch.lease import Lease
from triggers.services.launch.matching import Matching
from workspaces.files.places import CONTEXT
from workspaces.models import Workspace
from workspaces.services import context

_WHAT = "Something changed. What it is lies in `{path}/` as data; begin with `{path}/event.json`."
_WORK = "Take it into account in what you deliver; what held before must hold again."
_BEFORE = "Another agent was at work here until this came: what it said is in `{before}`. Go on where it stopped."


@dataclass(frozen=True)
class News:
    """What lies on disk and is not told yet: its directory, and how each target was."""

    plan: Plan
    agent: Agent
    path: str
    before: dict[str, str]


def give(lease: Lease, execution: Execution, matching: Matching) -> None:
    """Take the execution from ``starting`` to ``running`` by the agent that matched. Every step may be run again.

    Raises AgentGone where that agent has ended, or ends, by now; FileTrouble; LostRace where the execution is somebody
    else's.
    """
    assert matching.agent is not None  # noqa: S101 - the caller asked
    agent, plan, path = matching.agent, plan_of(execution), news_path(execution.pk)
    context.add(workspace=agent.workspace, entries=news_for(execution), now=lease.now())
    before = baselines(workspace=agent.workspace, specs=plan.deliverables)
    news = News(plan, agent, f"{CONTEXT}/{path}", before)
    crashpoint("launch.after_news")
    with transaction.atomic():
        held = lease.hold()
        Workspace.objects.select_for_update().get(pk=agent.workspace_id)
        at = lease.now()
        if matching.strategy == Strategy.STOP_AND_NOTIFY:
            _replace(lease, held, matching, news, at)
        else:
            _queue(lease, held, matching, news, at)
        crashpoint("launch.in_give")
    crashpoint("launch.after_give")


def put_back(lease: Lease) -> None:
    """The agent that matched has gone: whoever launches next looks anew."""
    with transaction.atomic():
        held = lease.hold()
        Execution.objects.filter(pk=held.pk).update(lease_owner="", lease_until=None)


def _queue(lease: Lease, held: Execution, matching: Matching, news: News, at: datetime) -> None:
    text = f"{_WHAT.format(path=news.path)} {_WORK}{_asked_too(news)}"
    intent = intents.bring_news(agent=news.agent, text=text, path=news.path, by=_by(held), now=at)
    if intent is None:
        raise AgentGone
    _tell(held, news, at)
    steps.begin_delivery(held, at=at)
    _go(lease, held, matching, at, news=intent)


def _replace(lease: Lease, held: Execution, matching: Matching, news: News, at: datetime) -> None:
    assert held.start is not None  # noqa: S101 - it was admitted
    workspace = news.agent.workspace
    succession.replace(
        predecessor=news.agent,
        profile=news.plan.profile,
        start=held.start,
        instructions=news.plan.instructions,
        news=f"{_WHAT.format(path=news.path)} {_BEFORE.format(before=BEFORE_FILE)} {_WORK}",
        path=news.path,
        by=_by(held),
        now=at,
    )
    _tell(held, news, at)
    owners = Execution.objects.select_for_update(of=("self",)).select_related("start")
    has_slot = False
    for owner in owners.filter(workspace=workspace, status__in=Execution.MOVES.open).order_by("pk"):
        assert owner.start is not None  # noqa: S101 - it has a workspace
        has_slot = has_slot or admission.pass_on_workspace(before=owner.start, to=held.start, now=at)
        ends.hand_over(owner, to=held, now=at, by=_by(held))
    steps.leave_out(held, StepName.CLONE)
    steps.done(held, StepName.DEPLOY, began=at, ended=at)
    steps.begin(held, StepName.WORK, at=at)
    _go(lease, held, matching, at, workspace=workspace)


def _tell(held: Execution, news: News, at: datetime) -> None:
    """What the trigger asks for beyond what the workspace must have is asked from now on."""
    specify(workspace=news.agent.workspace, specs=news.plan.deliverables, before=news.before, now=at)
    steps.done(held, StepName.CONTEXT, began=at, ended=at)
    assert held.start is not None  # noqa: S101 - it was admitted
    admission.give_up_room(start=held.start)


def _go(lease: Lease, held: Execution, matching: Matching, at: datetime, **fields: Any) -> None:
    go(
        held,
        ExecutionStatus.RUNNING,
        now=at,
        reason=matching.outcome,
        guard={"epoch": lease.epoch},
        lease_owner="",
        lease_until=None,
        matching=matching.as_data(at=at),
        **fields,
    )


def _asked_too(news: News) -> str:
    """What the trigger asks, where the agent was begun by other words."""
    return f"\n\n{news.plan.instructions}" if news.plan.instructions else ""


def _by(held: Execution) -> Actor:
    return Actor.system(f"execution {held.pk}")
