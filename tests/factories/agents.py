"""Rows of the agents room for tests."""

import itertools
from datetime import UTC, datetime
from typing import Any

from agents.models import Agent, AgentProfile, Limits, ModelProvider, RuntimeCommand, StartRequest
from agents.services import admission
from tests.factories.accounts import make_user
from tests.factories.workspaces import make_workspace

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def set_limits(**over: Any) -> Limits:
    """The one row of limits: 4 agents, 20 workspaces, no reserved share, unless said otherwise."""
    values = {"max_agents": 4, "max_workspaces": 20, "reserved_percent": 0, "is_paused": False, **over}
    limits, _ = Limits.objects.update_or_create(pk=1, defaults=values)
    return limits


def make_start(subject_id: int, *, now: datetime = NOON, **over: Any) -> StartRequest:
    """A wish of kind ``test`` (or another) with priority 5."""
    return admission.request_start(subject_id=subject_id, now=now, **{"kind": "test", "priority": 5, **over})


def make_command(*argv: str, now: datetime = NOON, **over: Any) -> RuntimeCommand:
    """A registered program."""
    values = {"name": f"command {next(_numbers)}", "argv": list(argv), **over}
    if "registered_by" not in values:
        values["registered_by"] = make_user()
    return RuntimeCommand.objects.create(created_at=now, updated_at=now, **values)


def make_provider(base_url: str = "", *, now: datetime = NOON, **over: Any) -> ModelProvider:
    """A model provider that speaks Anthropic's format."""
    values = {"name": f"provider-{next(_numbers)}", "base_url": base_url, **over}
    if "registered_by" not in values:
        values["registered_by"] = make_user()
    return ModelProvider.objects.create(created_at=now, updated_at=now, **values)


def make_profile(*, now: datetime = NOON, **over: Any) -> AgentProfile:
    """A profile of the digest runtime, or of the command runtime when a ``command`` is given."""
    values = {"name": "Reader", "runtime": "command" if over.get("command") else "digest", **over}
    if "owner" not in values:
        values["owner"] = make_user()
    return AgentProfile.objects.create(created_at=now, updated_at=now, **values)


def make_agent(*, now: datetime = NOON, **over: Any) -> Agent:
    """A pending agent without a slot."""
    values = {"created_at": now, **over}
    if "workspace" not in values:
        values["workspace"] = make_workspace()
    if "profile" not in values:
        values["profile"] = make_profile()
    return Agent.objects.create(**values)
