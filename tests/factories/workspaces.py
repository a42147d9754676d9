"""Rows (and directories) of the workspaces room for tests."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection
from tests.factories.accounts import make_user
from workspaces import files
from workspaces.enums import ItemKind, WorkspaceStatus
from workspaces.models import ContextItem, Workspace, WorkspaceTemplate
from workspaces.services import templates

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def make_workspace(**over: Any) -> Workspace:
    """An active workspace with its directory and the three folders in it."""
    token = secrets.token_hex(8)
    values: dict[str, Any] = {
        "title": "A workspace",
        "status": WorkspaceStatus.ACTIVE,
        "origin": f"test:{token}",
        "directory": token,
    }
    values |= {"created_at": NOON, **over}
    if "owner" not in values:
        values["owner"] = make_user()
    workspace = Workspace.objects.create(**values)
    for folder in ("context", "feedback", "work"):
        (Path(settings.DCT_DATA_DIR) / "workspaces" / workspace.directory / folder).mkdir(parents=True, exist_ok=True)
    return workspace


def make_connection(**over: Any) -> Connection:
    """A GitHub connection."""
    token = secrets.token_hex(4)
    values = {"name": f"GitHub {token}", "source": Source.GITHUB, "created_at": NOON, "updated_at": NOON, **over}
    if "owner" not in values:
        values["owner"] = make_user()
    return Connection.objects.create(**values)


def make_item(**over: Any) -> ContextItem:
    """A pull request that is not on a card."""
    token = secrets.token_hex(4)
    values: dict[str, Any] = {
        "kind": ItemKind.PULL_REQUEST,
        "external_key": f"octo/hello-{token}#1",
        "title": "Add a door",
        "url": "https://example.org/pull/1",
        "state": {"status": "open"},
        "state_version": 1,
        "created_at": NOON,
        **over,
    }
    if "connection" not in values:
        values["connection"] = make_connection()
    return ContextItem.objects.create(**values)


def make_template(files_in_it: dict[str, str] | None = None, **over: Any) -> WorkspaceTemplate:
    """A template with its directory and the given files (paths below ``work/`` or ``feedback/``)."""
    owner = over.pop("owner", None) or make_user()
    made = templates.create(**{"name": "A template", "owner": owner, "by": Actor.system(), "now": NOON, **over})
    for path, text in (files_in_it or {}).items():
        files.write_atomic(files.template_root(made), path, text.encode(), is_durable=False)
    return made
