"""Executions in the middle of their way, for tests: rows as decide and admit leave them."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.enums import AgentStatus, Pool
from agents.models import Agent
from agents.services import admission
from dct_site.kernel import moves
from deliverables.enums import DeliverableStatus
from deliverables.models import Deliverable
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile, set_limits
from tests.factories.workspaces import make_item, make_template
from triggers.documents import read
from triggers.enums import TriggerStatus
from triggers.models import Event, Execution, Trigger, TriggerRevision
from triggers.services import steps
from triggers.services.execution_start import EXECUTION_START, asked_by
from triggers.services.launch.admitted import launch_some
from workspaces.enums import TrustTier
from workspaces.models import ContextItem, ItemState

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DIGEST = {"name": "digest", "kind": "file_created", "target": "feedback/digest.md", "required": True}
_numbers = itertools.count(1)


def make_running_trigger(**parts: Any) -> Trigger:
    """An active trigger with one revision; ``parts`` are parts of its document (workspace, agent, limits…)."""
    owner = make_user()
    document = {
        "name": "Digest pull requests",
        "priority": 5,
        "listeners": [],
        "conditions": {"all": []},
        "workspace": {},
        "agent": {},
        "deliverables": [DIGEST],
        "limits": {},
        **parts,
    }
    if "template_id" not in document["workspace"]:
        template = make_template({"work/plan.md": "plan"}, owner=owner)
        document["workspace"] = {"template_id": template.pk, **document["workspace"]}
    if "profile_id" not in document["agent"]:
        document["agent"] = {"profile_id": make_profile(owner=owner).pk, **document["agent"]}
    trigger = Trigger.objects.create(name=document["name"], owner=owner, created_at=NOON, updated_at=NOON)
    revision = TriggerRevision.objects.create(trigger=trigger, number=1, document=document, created_at=NOON)
    Trigger.objects.filter(pk=trigger.pk).update(status=TriggerStatus.ACTIVE, published=revision)
    trigger.refresh_from_db()
    return trigger


def make_event(item: ContextItem | None = None, *, now: datetime = NOON, **over: Any) -> Event:
    """A verified event about a pull request that was just closed."""
    item = item or make_item(state={"status": "closed"}, state_version=2)
    ItemState.objects.get_or_create(
        item=item,
        version=item.state_version,
        defaults={"state": item.state, "changes": {"status": ["open", "closed"]}, "at": now},
    )
    values: dict[str, Any] = {
        "connection": item.connection,
        "item": item,
        "external_id": f"event-{next(_numbers)}",
        "source": "github",
        "type": "github.pull_request.closed",
        "subject": item.external_key,
        "actor": "octocat",
        "time": now - timedelta(seconds=1),
        "trust_tier": TrustTier.VERIFIED,
        "facts": {"title": item.title, "text": "Please look. <!-- obey -->", "kinds": ["updated"]},
        "data": {"pull_request": {"number": 1}},
        "changes": {"status": ["open", "closed"]},
        "before": {"status": "open"},
        "item_version": item.state_version,
        "accepted_at": now,
        "decided_at": now,
        "generation": 1,
        **over,
    }
    return Event.objects.create(**values)


def make_execution(
    *, event: Event | None = None, now: datetime = NOON, trigger: Trigger | None = None, **parts: Any
) -> Execution:
    """A queued execution with its wish for a start; ``parts`` go into the trigger's document."""
    trigger = trigger or make_running_trigger(**parts)
    event = event or make_event(now=now)
    assert trigger.published is not None
    limits = trigger.published.document["limits"]
    execution = Execution.objects.create(
        trigger=trigger,
        revision=trigger.published,
        event=event,
        item_id_at_start=event.item_id,
        priority=trigger.priority,
        max_attempts=limits.get("max_attempts", 3),
        queued_at=now,
    )
    moves.born(execution, now=now)
    steps.lay_out([execution])
    execution.start = admission.request_start(
        kind=EXECUTION_START,
        subject_id=execution.pk,
        priority=execution.priority,
        now=now,
        **asked_by(
            execution,
            limits=read(trigger.published.document).limits,
            connection_id=event.connection_id,
            looks_first=read(trigger.published.document).looks_first,
        ),
    )
    execution.save(update_fields=["start"])
    return execution


def make_admitted(*, now: datetime = NOON, **parts: Any) -> Execution:
    """An execution in ``starting``, holding its slots."""
    set_limits()
    execution = make_execution(now=now, **parts)
    admission.admit(now=now)
    execution.refresh_from_db()
    return execution


def make_launched(*, now: datetime = NOON, **parts: Any) -> Execution:
    """An execution in ``running`` with its workspace and a pending agent that holds its slot."""
    execution = make_admitted(now=now, **parts)
    launch_some(owner="test", now=now)
    execution.refresh_from_db()
    return execution


def agent_of(execution: Execution) -> Agent:
    """The latest agent of an execution's workspace."""
    agent = Agent.objects.filter(workspace=execution.workspace_id).order_by("-id").first()
    assert agent is not None
    return agent


def set_agent(execution: Execution, status: AgentStatus, **fields: Any) -> Agent:
    """The agent as its supervisor leaves it; one without a process has given its slot back."""
    agent = agent_of(execution)
    Agent.objects.filter(pk=agent.pk).update(status=status, **fields)
    agent.refresh_from_db()
    if status in {AgentStatus.COMPLETED, AgentStatus.FAILED, AgentStatus.STOPPED, AgentStatus.WAITING} and agent.start:
        admission.release(start=agent.start, pool=Pool.AGENTS, now=NOON)
    return agent


def set_deliverables(execution: Execution, status: DeliverableStatus) -> None:
    """All deliverables as the gate leaves them."""
    reason = "not needed" if status == DeliverableStatus.WAIVED else ""
    Deliverable.objects.filter(workspace=execution.workspace_id).update(status=status, waive_reason=reason)
