"""Templates and workspaces in the admin: changed through their services."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.enums import Role
from accounts.models import User
from tests.factories.accounts import make_user
from tests.factories.workspaces import make_template, make_workspace
from workspaces import files
from workspaces.enums import WorkspaceStatus
from workspaces.models import WorkspaceTemplate

TEMPLATE = {
    "name": "Digest",
    "title_pattern": "{item.title}",
    "context_refresh_mode": "triggering_item",
    "options": "{}",
}


@pytest.fixture
def user(db: None) -> User:
    return make_user(role=Role.CEO, is_staff=True)


@pytest.fixture
def client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, model: str, action: str, *rows: Any) -> str:
    client.get("/admin/")
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    response = client.post(f"/admin/workspaces/{model}/", chosen)
    return " ".join(str(one) for one in get_messages(response.wsgi_request))


def test_a_template_is_made_with_its_directory(client: Client, user: User) -> None:
    assert client.post("/admin/workspaces/workspacetemplate/add/", TEMPLATE).status_code == 302
    made = WorkspaceTemplate.objects.get()
    assert (made.owner, made.version) == (user, 1)
    assert files.template_root(made).is_dir()


def test_a_template_is_changed_and_archived(client: Client, user: User) -> None:
    template = make_template(owner=user)
    address = f"/admin/workspaces/workspacetemplate/{template.pk}/change/"
    assert client.post(address, {**TEMPLATE, "directory": "../elsewhere"}).status_code == 302
    assert act(client, "workspacetemplate", "archive", template) == "1 archived."
    changed = WorkspaceTemplate.objects.get()
    assert (changed.name, changed.is_archived, changed.directory) == ("Digest", True, template.directory)


def test_a_template_with_wrong_options_is_refused(client: Client) -> None:
    response = client.post("/admin/workspaces/workspacetemplate/add/", {**TEMPLATE, "options": "[1]"})
    assert "Options are an object" in response.content.decode()
    assert not WorkspaceTemplate.objects.exists()


def test_a_workspace_is_renamed_and_its_status_is_nobodys_to_write(client: Client, user: User) -> None:
    workspace = make_workspace(owner=user)
    address = f"/admin/workspaces/workspace/{workspace.pk}/change/"
    client.post(address, {"title": "Another title", "status": "completed"})
    workspace.refresh_from_db()
    assert (workspace.title, workspace.status) == ("Another title", WorkspaceStatus.ACTIVE)


def test_a_workspace_at_work_is_not_archived(client: Client, user: User) -> None:
    rows = [make_workspace(owner=user, status=status) for status in (WorkspaceStatus.DRAFT, WorkspaceStatus.ACTIVE)]
    assert (
        act(client, "workspace", "archive", *rows)
        == "1 archived. 1 not: Its status does not allow this. Read it again."
    )
