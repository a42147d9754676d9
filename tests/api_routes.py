"""Every route of the API as a test sees it: method, action, operation, and an address with a world's rows in it."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver

from accounts.api.base import OperationViewSet
from accounts.api.me import HANDLE
from accounts.models import AuditEntry
from accounts.operations import Operation
from dct_site import api_urls
from tests.factories.schedules import make_schedule
from tests.factories.world import World
from triggers.models import Erasure

PREFIX = "/api/v1/"


@dataclass(frozen=True)
class Route:
    """One method of one address. ``resource`` is the first part of the address below ``/api/v1/``."""

    method: str
    pattern: str
    resource: str
    action: str
    view: type[OperationViewSet]

    @property
    def operation(self) -> Operation | None:
        return self.view.operations.get(self.action)

    @property
    def media_type(self) -> str:
        """What its body is sent as."""
        is_event = (self.resource, self.action) == ("events", "create")
        return "application/cloudevents+json" if is_event else "application/json"

    @property
    def is_detail(self) -> bool:
        return "<" in self.pattern

    def address(self, world: World) -> str:
        """With the ids of the world's own rows."""
        row = _ROWS[self.resource](world) if self.is_detail else ""
        filled = re.sub(r"\(\?P<(pk|id|key)>[^)]*\)|<int:pk>", str(row), self.pattern)
        filled = re.sub(r"\(\?P<number>[^)]*\)", "1", filled)
        path = "work/plan.md" if self.resource == "workspace-templates" else "feedback/digest.md"
        filled = filled.replace("<path:path>", path)
        return PREFIX + filled.replace("^", "").replace("$", "").replace(r"\Z", "")

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.pattern}"


def _entry_of(world: World) -> int:
    from_trigger = AuditEntry.objects.filter(kind="trigger", object_id=world.trigger.pk).first()
    assert from_trigger is not None
    return from_trigger.pk


def _clock_of(world: World) -> int:
    """A connection that calendars may belong to."""
    return make_schedule(owner=world.owner).listener.connection_id


_WINDOW: dict[str, Any] = {"since": "2026-11-01T00:00:00Z", "until": "2026-11-22T00:00:00Z"}

_ROWS: dict[str, Any] = {
    "agent-profiles": lambda world: world.profile.pk,
    "agents": lambda world: world.agent.pk,
    "audit": _entry_of,
    "bulk-replays": lambda world: world.bulk.pk,
    "connections": lambda world: world.connection.pk,
    "context-items": lambda world: world.item.pk,
    "decisions": lambda world: world.decision.pk,
    "watches": lambda world: world.watch.pk,
    "deliverables": lambda world: world.deliverable.pk,
    "deliveries": lambda world: world.delivery.pk,
    "erasures": lambda _world: Erasure.objects.latest("pk").pk,
    "events": lambda world: world.event.pk,
    "executions": lambda world: world.execution.pk,
    "feature-toggles": lambda _world: "trigger_management",
    "listeners": lambda world: world.listener.pk,
    "model-providers": lambda world: world.provider.pk,
    "obsolete-agents": lambda world: world.obsolete.pk,
    "runtime-commands": lambda world: world.command.pk,
    "schedule-calendars": lambda world: world.calendar.pk,
    "schedules": lambda world: world.schedule.pk,
    "tokens": lambda world: world.token.digest[:HANDLE],
    "triggers": lambda world: world.trigger.pk,
    "users": lambda world: world.owner.pk,
    "workspace-templates": lambda world: world.template.pk,
    "workspaces": lambda world: world.workspace.pk,
}


def valid_body(route: Route, world: World) -> dict[str, Any]:
    """What the route needs at least to be taken, so that one field of it can be spoilt; {} where it needs nothing."""
    name = f"New {secrets.token_hex(4)}"
    if (route.resource, route.action) == ("schedule-calendars", "create"):
        # Made for this route alone: the others ask a thousand times.
        return {"name": name, "connection_id": _clock_of(world)}
    needed: dict[tuple[str, str], dict[str, Any]] = {
        ("agent-profiles", "create"): {"name": name},
        ("agents", "message"): {"text": "Look again."},
        ("bulk-replays", "create"): {**_WINDOW, "count": 1, "confirmation": "made-up"},
        ("bulk-replays", "preview"): _WINDOW,
        ("connections", "create"): {"name": name, "source": "webhook"},
        ("context-items", "create"): {"connection_id": world.connection.pk, "kind": "issue", "external_key": name},
        ("deliverables", "waive"): {"reason": "Not needed."},
        ("erasures", "create"): {"item": world.item.pk, "confirmation": "made-up"},
        ("erasures", "preview"): {"item": world.item.pk},
        ("events", "create"): {"specversion": "1.0", "id": name, "source": "/tests", "type": "tests.made"},
        ("executions", "answer"): {"text": "Yes."},
        ("executions", "extend_deadline"): {"until": "2999-01-01T00:00:00Z"},
        ("feature-toggles", "partial_update"): {"is_on": True},
        ("model-providers", "create"): {"name": f"p{secrets.token_hex(4)}", "base_url": "https://models.invalid/v1"},
        ("record-rules", "create"): {"max_days": 30},
        ("record-rules", "preview"): {"max_days": 30},
        ("runtime-commands", "create"): {"name": name, "argv": ["true"]},
        ("schedules", "create"): {"name": name, "cron": "0 9 * * *"},
        ("schedules", "preview"): {"cron": "0 9 * * *"},
        ("tokens", "create"): {"name": name},
        ("tokens", "partial_update"): {"events_per_minute": 60},
        ("triggers", "backtest"): {"since": "2026-11-01T00:00:00Z", "until": "2026-11-21T00:00:00Z"},
        ("triggers", "rollback"): {"revision": 1},
        ("users", "create"): {"username": name.replace(" ", "-"), "role": "support"},
        ("users", "grant"): {"operation": "packages"},
        ("users", "withdraw"): {"operation": "packages"},
        ("workspace-templates", "create"): {"name": name},
        ("workspaces", "partial_update"): {"title": name},
        ("workspaces", "save_as_template"): {"name": name},
    }
    return needed.get((route.resource, route.action), {})


def routes() -> list[Route]:
    """Every method of every address under ``/api/v1/``."""
    return list(_walk(api_urls.resources))


def _walk(patterns: list[URLPattern | URLResolver]) -> Iterator[Route]:
    for one in patterns:
        assert isinstance(one, URLPattern)
        callback: Any = one.callback
        pattern = str(one.pattern)
        for method, action in callback.actions.items():
            resource = pattern.lstrip("^").split("/")[0]
            yield Route(method, pattern, resource, action, callback.cls)
