"""One of everything that belongs to a person, for tests that look at all of it from outside."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from guardian.shortcuts import assign_perm

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import ApiToken, Connection, User
from accounts.services.people import issue_token
from agents.enums import MessageKind
from agents.models import Agent, AgentMessage, AgentProfile, ModelProvider, ObsoleteAgentRecord, RuntimeCommand
from agents.services.obsolete import keep, pack
from deliverables.models import Deliverable
from tests.factories.agents import make_agent, make_command, make_profile, make_provider
from tests.factories.deliverables import deliver, make_deliverable
from tests.factories.executions import make_event, make_execution
from tests.factories.triggers import make_listener, make_trigger, make_watch
from tests.factories.workspaces import make_item, make_template, make_workspace
from triggers.enums import (
    BulkKind,
    BulkStatus,
    DeliveryStatus,
    ErasureKind,
    ErasureStatus,
    ListenerType,
    Outcome,
    SlotStatus,
)
from triggers.models import (
    BulkReplay,
    ContextListener,
    Decision,
    Delivery,
    DeliveryOutcome,
    Erasure,
    Event,
    Execution,
    Schedule,
    ScheduleSlot,
    SkipCalendar,
    Trigger,
    Watch,
)
from triggers.services.endpoints import create_webhook_connection
from triggers.services.intake import Incoming, accept
from triggers.services.judge import judged_by_hand
from workspaces.enums import ItemKind
from workspaces.models import ContextItem, Workspace, WorkspaceTemplate

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRET = "canary-of-a-secret-0123456789"
SYSTEM = Actor.system()
FAR = datetime(2999, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class World:
    """Rows that hang together: a webhook of a connection became an event, a decision and an execution at work."""

    owner: User
    connection: Connection
    item: ContextItem
    listener: ContextListener
    template: WorkspaceTemplate
    profile: AgentProfile
    command: RuntimeCommand
    provider: ModelProvider
    trigger: Trigger
    delivery: Delivery
    event: Event
    decision: Decision
    execution: Execution
    workspace: Workspace
    agent: Agent
    obsolete: ObsoleteAgentRecord
    deliverable: Deliverable
    token: ApiToken
    bulk: BulkReplay
    watch: Watch
    erasure: Erasure
    schedule: Schedule
    calendar: SkipCalendar

    def grant(self, user: User, verb: str) -> None:
        """Let ``user`` look at (``view``) or change (``change``) all of it."""
        for row in (self.connection, self.trigger, self.workspace, self.template, self.profile):
            assign_perm(f"{row._meta.app_label}.{verb}_{row._meta.model_name}", user, row)


def make_world(owner: User) -> World:
    """One of everything that ``owner`` owns (the command is registered by somebody else, as it has to be)."""
    number = next(_numbers)
    made = create_webhook_connection(
        name=f"Hooks {number}", source=Source.GITHUB, owner=owner, secret=SECRET, by=SYSTEM, now=NOON
    )
    parent = make_item(connection=made.connection, kind=ItemKind.REPOSITORY, is_watched=True)
    item = make_item(connection=made.connection, parent=parent)
    template = make_template({"work/plan.md": "plan"}, owner=owner)
    trigger = make_trigger(
        connection=made.connection,
        owner=owner,
        workspace={"template_id": template.pk},
        limits={},
        name=f"Trigger {number}",
    )
    delivery = _delivery(made.connection)
    event = make_event(item, delivery_id=delivery.pk)
    assert trigger.published is not None
    decision = Decision.objects.create(
        event=event,
        trigger=trigger,
        revision=trigger.published,
        outcome=Outcome.FIRED,
        because=judged_by_hand(actor="somebody").because.as_json(),
        generation=1,
        at=NOON,
    )
    workspace = make_workspace(owner=owner, item=item, template=template)
    execution = make_execution(event=event, trigger=trigger)
    execution.workspace = workspace
    execution.save(update_fields=["workspace"])
    deliver(workspace, "feedback/digest.md", "# Digest")
    profile = AgentProfile.objects.get(owner=owner, pk=trigger.draft["agent"]["profile_id"])
    token, _ = issue_token(user=owner, name="laptop", by=SYSTEM, now=NOON)
    return World(
        owner=owner,
        connection=made.connection,
        item=item,
        listener=made.listener,
        template=template,
        profile=profile,
        command=make_command("true"),
        provider=make_provider(key=SECRET),
        trigger=trigger,
        delivery=delivery,
        event=event,
        decision=decision,
        execution=execution,
        workspace=workspace,
        agent=_agent(workspace, profile),
        obsolete=_obsolete(workspace, profile),
        deliverable=make_deliverable(workspace),
        token=token,
        bulk=make_bulk(owner, trigger),
        watch=make_watch(trigger, event, due_at=FAR),
        erasure=make_erasure(owner, item),
        schedule=_schedule(item),
        calendar=SkipCalendar.objects.create(
            connection=made.connection, name="Closed", created_at=NOON, updated_at=NOON
        ),
    )


def make_bulk(owner: User, trigger: Trigger, **over: Any) -> BulkReplay:
    """A bulk replay of one event that is paused before it began."""
    window = {"since": NOON.isoformat(), "until": NOON.isoformat(), "filters": {}}
    values = {"kind": BulkKind.EVENTS, "status": BulkStatus.PAUSED, "filters": window, "trigger": trigger, **over}
    numbers = {"concurrency": 1, "total": 1, "first_id": 1, "last_id": 1, "after_id": 0}
    return BulkReplay.objects.create(**{**numbers, **values}, created_by=owner, created_at=NOON)


def make_erasure(owner: User, item: ContextItem, **over: Any) -> Erasure:
    """An erasure of an item that is over, having found nothing."""
    values = {"kind": ErasureKind.ITEM, "status": ErasureStatus.DONE, "item_id": item.pk, "total": 0, **over}
    return Erasure.objects.create(**values, created_by=owner, created_at=NOON)


def _schedule(item: ContextItem) -> Schedule:
    """One that settled a slot, and is due in a thousand years."""
    listener = make_listener(connection=item.connection, item=item, listener_type=ListenerType.SCHEDULE)
    times = dict.fromkeys(("anchor_at", "mark_at", "created_at", "updated_at"), NOON)
    row = Schedule.objects.create(listener=listener, cron="0 9 * * *", next_at=FAR, **times)
    ScheduleSlot.objects.create(
        schedule=row, slot_at=NOON, key="2026-11-20T12:00Z", status=SlotStatus.FIRED, last_at=NOON, settled_at=NOON
    )
    return row


def _delivery(connection: Connection) -> Delivery:
    body = b'{"action": "closed"}'
    headers: dict[str, Any] = {"X-GitHub-Event": "pull_request"}
    incoming = Incoming(
        connection_id=connection.pk, source=connection.source, body=body, headers=headers, received_at=NOON
    )
    delivery = Delivery.objects.get(pk=accept([incoming])[0].delivery_id)
    DeliveryOutcome.objects.create(delivery=delivery, status=DeliveryStatus.DECIDED, event_count=1, decided_at=NOON)
    return delivery


def _agent(workspace: Workspace, profile: AgentProfile) -> Agent:
    agent = make_agent(workspace=workspace, profile=profile)
    for seq in (1, 2):
        AgentMessage.objects.create(agent_id=agent.pk, seq=seq, kind=MessageKind.TEXT, text=f"line {seq}", at=NOON)
    return agent


def _obsolete(workspace: Workspace, profile: AgentProfile) -> ObsoleteAgentRecord:
    agent = make_agent(workspace=workspace, profile=make_profile(owner=profile.owner))
    AgentMessage.objects.create(agent_id=agent.pk, seq=1, kind=MessageKind.TEXT, text="goodbye", at=NOON)
    record = keep(agent, pack(agent.pk), reason="replaced", by=SYSTEM, now=NOON)
    assert record is not None
    return record
