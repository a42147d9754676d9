"""A small world for the pages of what happens: all of it ann's, and people who may see more, less or nothing of it."""

from dataclasses import dataclass
from typing import Any

from django.test import Client

from accounts.enums import Role
from accounts.models import User
from agents.enums import AgentStatus, MessageKind
from agents.models import Agent, AgentMessage
from deliverables.models import Deliverable
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile
from tests.factories.deliverables import deliver
from tests.factories.executions import NOON, agent_of, make_event, make_launched, make_running_trigger, set_agent
from tests.factories.triggers import make_delivery
from tests.factories.workspaces import make_connection, make_item, make_template
from triggers.models import Delivery, Event, Execution, Trigger
from workspaces.models import ContextItem, Workspace

NAUGHTY = "<img src=x onerror=alert(1)>{{7*7}}${7*7}\u202e'\"`</script><script>alert(2)</script>"


@dataclass
class World:
    """What ann owns."""

    ann: User
    item: ContextItem
    delivery: Delivery
    event: Event
    trigger: Trigger
    execution: Execution
    workspace: Workspace
    agent: Agent
    deliverable: Deliverable

    def addresses(self) -> list[str]:
        """Every page about one thing of hers."""
        pk = self.execution.pk
        return [
            f"/events/{self.event.pk}/",
            f"/deliveries/{self.delivery.pk}/",
            f"/deliveries/{self.delivery.pk}/body/",
            f"/executions/{pk}/",
            f"/workspaces/{self.workspace.pk}/",
            f"/workspaces/{self.workspace.pk}/review/",
            f"/workspaces/{self.workspace.pk}/files/feedback/digest.md",
            f"/workspaces/{self.workspace.pk}/download/feedback/digest.md",
            f"/agents/{self.agent.pk}/",
            f"/agents/{self.agent.pk}/messages/",
            f"/agents/{self.agent.pk}/transcript/",
        ]

    def actions(self) -> list[str]:
        """Every address that changes something of hers."""
        pk, workspace = self.execution.pk, self.workspace.pk
        acts = ("cancel", "retry", "extend", "answer", "approve", "reject")
        return [
            f"/events/{self.event.pk}/replay/",
            *(f"/executions/{pk}/{act}/" for act in acts),
            f"/deliverables/{self.deliverable.pk}/waive/",
            *(f"/workspaces/{workspace}/{act}/" for act in ("rename", "archive", "save-as-template")),
            f"/agents/{self.agent.pk}/stop/",
            f"/agents/{self.agent.pk}/say/",
        ]


LISTS = ("/events/", "/deliveries/", "/executions/", "/needs-you/", "/workspaces/", "/agents/", "/status/", "/audit/")


def make_world(*, text: str = "Read the change", ann: User | None = None, **parts: Any) -> World:
    """An execution at work with its workspace, its agent, what it said and what it has to bring; ``text`` is in all."""
    ann = ann or make_user(role=Role.CEO)
    connection = make_connection(owner=ann)
    item = make_item(connection=connection, title=text, state={"status": "closed"}, state_version=2, is_watched=True)
    delivery = make_delivery(connection, {"facts": {"title": text}}, headers={"X-Says": text})
    facts = {"title": text, "text": text, "kinds": ["updated"]}
    data = {"pull_request": {"title": text}}
    event = make_event(item, facts=facts, data=data, delivery_id=delivery.pk, actor=text[:300])
    template = make_template({"work/plan.md": text}, owner=ann)
    profile = make_profile(owner=ann, name=text[:200], instructions=text)
    trigger = make_running_trigger(
        **{
            "name": text[:200],
            "workspace": {"template_id": template.pk, **parts.pop("workspace", {})},
            "agent": {"profile_id": profile.pk, "instructions": text},
            **parts,
        }
    )
    Trigger.objects.filter(pk=trigger.pk).update(owner=ann)
    trigger.refresh_from_db()
    execution = make_launched(trigger=trigger, event=event)
    workspace = execution.workspace
    assert workspace is not None, execution.reason
    deliver(workspace, "feedback/digest.md", text)
    if parts.get("workspace", {}).get("deploy") != "draft" and Agent.objects.filter(workspace=workspace).exists():
        agent = set_agent(execution, AgentStatus.RUNNING, started_at=NOON)
    else:
        agent = Agent.objects.create(workspace=workspace, profile=profile, created_at=NOON)
    say(agent, MessageKind.SYSTEM, text)
    say(agent, MessageKind.TOOL_CALL, "work/plan.md", name="read_file", input={"path": text})
    say(agent, MessageKind.TOOL_RESULT, "12 bytes", name="read_file")
    say(agent, MessageKind.TEXT, text)
    deliverable = Deliverable.objects.get(workspace=workspace)
    return World(ann, item, delivery, event, trigger, execution, workspace, agent, deliverable)


def say(agent: Agent, kind: MessageKind, text: str, **data: Any) -> AgentMessage:
    """One more line of its conversation."""
    seq = AgentMessage.objects.filter(agent_id=agent.pk).count() + 1
    return AgentMessage.objects.create(agent_id=agent.pk, seq=seq, kind=kind, text=text, data=data, at=NOON)


def client_of(user: User) -> Client:
    """A browser in which the person is signed in."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


__all__ = ["LISTS", "NAUGHTY", "World", "agent_of", "client_of", "make_world", "say"]
