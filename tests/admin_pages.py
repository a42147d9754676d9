"""One row of every model for tests that open every page of the admin, and which pages there are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from axes.models import AccessAttempt
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from accounts.admin.base import RoleAdmin
from accounts.models import FeatureToggle, Heartbeat, IdempotencyKey, OperationGrant, User
from agents.enums import IntentKind, Pool
from agents.models import (
    AgentIntent,
    AgentRun,
    Budget,
    CommandSecret,
    ConversationPart,
    Limits,
    RecordRule,
    Reservation,
    SlotHolder,
    Spending,
)
from deliverables.models import Check
from tests.factories.world import SECRET, World
from triggers.models import (
    Attempt,
    DeliveryDuplicates,
    Firing,
    Generation,
    PendingDelivery,
    Replay,
    Retention,
    SeenChange,
)
from workspaces.enums import ContextKind, TrustTier
from workspaces.models import ContextFile, TemplateContext

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Page:
    """One model's pages."""

    label: str
    admin: RoleAdmin

    def __str__(self) -> str:
        return self.label

    @property
    def model(self) -> type[Model]:
        return self.admin.model

    def url(self, view: str, *args: Any) -> str:
        opts = self.model._meta
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{view}", args=args)


def pages() -> list[Page]:
    """The pages of every model that is in the admin."""
    found: list[Any] = list(admin.site._registry.items())
    return [Page(model._meta.label, one) for model, one in found]


def own_models() -> set[str]:
    """Every model that the project has."""
    rooms = ("accounts", "workspaces", "deliverables", "agents", "triggers")
    return {model._meta.label for room in rooms for model in apps.get_app_config(room).get_models()}


def fill(world: World) -> None:
    """Rows beside the world's own, so that every model has one that belongs to its owner (or to nobody)."""
    agent, execution = world.agent, world.execution
    AgentRun.objects.create(agent=agent, epoch=1, owner="test", lease_until=NOON, started_at=NOON)
    AgentIntent.objects.create(agent=agent, kind=IntentKind.STOP, by="somebody", at=NOON)
    assert execution.start is not None
    SlotHolder.objects.create(pool=Pool.AGENTS, start=execution.start, taken_at=NOON)
    part = {"first_seq": 1, "last_seq": 1, "count": 1, "body": b"", "size": 0, "stored_bytes": 0}
    ConversationPart.objects.create(agent=world.obsolete.agent, **part)
    RecordRule.objects.create(workspace=world.workspace, max_days=30)
    CommandSecret.objects.create(command=world.command, name="API_KEY", value=SECRET, updated_at=NOON)
    key = f"trigger:{world.trigger.pk}"
    Budget.objects.create(key=key, runs=1)
    Reservation.objects.create(start=execution.start, key=key, day=NOON.date(), runs=1, taken_at=NOON)
    Spending.objects.create(key=key, day=NOON.date(), runs=1)
    Check.objects.get_or_create(deliverable=world.deliverable, rule="exists", defaults={"expected": "a file"})
    Attempt.objects.create(execution=execution, number=1, started_at=NOON)
    Firing.objects.create(trigger=world.trigger, event=world.event, execution=execution)
    PendingDelivery.objects.get_or_create(delivery=world.delivery)
    DeliveryDuplicates.objects.create(delivery=world.delivery, count=1, last_at=NOON)
    SeenChange.objects.create(connection_id=world.connection.pk, change_key="k", seen_at=NOON)
    TemplateContext.objects.create(template=world.template, path="a.md", kind=ContextKind.TEXT, text="a")
    ContextFile.objects.create(
        workspace=world.workspace,
        path="a.md",
        kind=ContextKind.TEXT,
        size=1,
        checksum="0" * 64,
        trust_tier=TrustTier.OPEN,
        written_at=NOON,
    )
    Replay.objects.create(delivery=world.delivery, event_id=world.event.pk, bulk=world.bulk)
    _of_nobody(world.owner)


def _of_nobody(owner: User) -> None:
    Generation.objects.get_or_create(pk=1)
    Limits.objects.get_or_create(pk=1)
    Retention.objects.get_or_create(is_default=True)
    Heartbeat.objects.get_or_create(role="engine", owner="test", defaults={"at": NOON})
    FeatureToggle.objects.get_or_create(key="git_workflows")
    IdempotencyKey.objects.create(
        user=owner, route="r", key="k", request_hash="h", response_status=200, created_at=NOON
    )
    OperationGrant.objects.create(user=owner, operation="packages", granted_at=NOON)
    AccessAttempt.objects.create(
        username=owner.username,
        ip_address="192.0.2.1",
        user_agent="a",
        failures_since_start=1,
        get_data="",
        post_data="",
    )


# Which row of a model is the world's; the last one, where nothing is said.
_LOOKUPS: dict[str, Callable[[World], dict[str, Any]]] = {
    "accounts.User": lambda world: {"pk": world.owner.pk},
    "accounts.Connection": lambda world: {"pk": world.connection.pk},
    "accounts.Secret": lambda world: {"connection": world.connection},
    "accounts.AuditEntry": lambda world: {"kind": "connection", "object_id": world.connection.pk},
    "accounts.ApiToken": lambda world: {"pk": world.token.pk},
    "agents.Agent": lambda world: {"pk": world.agent.pk},
    "agents.AgentMessage": lambda world: {"agent_id": world.agent.pk},
    "agents.AgentProfile": lambda world: {"pk": world.profile.pk},
    "agents.ConversationPart": lambda world: {"agent": world.obsolete.agent},
    "agents.ObsoleteAgentRecord": lambda world: {"pk": world.obsolete.pk},
    "agents.RecordRule": lambda world: {"workspace": world.workspace},
    "triggers.BulkReplay": lambda world: {"pk": world.bulk.pk},
    "triggers.Delivery": lambda world: {"pk": world.delivery.pk},
    "triggers.Event": lambda world: {"pk": world.event.pk},
    "triggers.Trigger": lambda world: {"pk": world.trigger.pk},
    "workspaces.ContextItem": lambda world: {"pk": world.item.pk},
    "workspaces.ItemState": lambda world: {"item": world.item},
    "workspaces.Workspace": lambda world: {"pk": world.workspace.pk},
    "workspaces.WorkspaceTemplate": lambda world: {"pk": world.template.pk},
}


def row_of(page: Page, world: World) -> Any:
    """A row of the model that hangs at the world."""
    lookup = _LOOKUPS[page.label](world) if page.label in _LOOKUPS else {}
    row = page.model._default_manager.filter(**lookup).order_by("-pk").first()
    assert row is not None, f"the world has no {page.label}"
    return row
