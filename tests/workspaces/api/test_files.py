"""Files over the API: never out of the workspace, never a page of ours in a browser."""

import os
from typing import Any

import pytest
from django.test import Client

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.deliverables import deliver
from tests.factories.workspaces import make_template, make_workspace
from workspaces import files
from workspaces.models import Workspace, WorkspaceTemplate

pytestmark = pytest.mark.django_db
HTML = "<script>alert(1)</script>"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user())
    return client


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    deliver(made, "feedback/page.html", HTML)
    return made


def path_of(workspace: Workspace) -> str:
    return f"/api/v1/workspaces/{workspace.pk}/files/"


def test_the_tree_is_listed(client: Client, workspace: Workspace) -> None:
    found = client.get(path_of(workspace)).json()
    assert {"path": "feedback/page.html", "kind": "file", "size": len(HTML)}.items() <= found["entries"][2].items()
    assert found["is_cut"] is False


def test_a_file_comes_as_an_attachment_that_no_browser_opens(client: Client, workspace: Workspace) -> None:
    response = client.get(f"{path_of(workspace)}feedback/page.html")
    assert (response.status_code, response.content.decode()) == (200, HTML)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-File-Size"] == str(len(HTML))
    assert "sandbox" in response["Content-Security-Policy"]


def test_a_range_is_given(client: Client, workspace: Workspace) -> None:
    path = f"{path_of(workspace)}feedback/page.html"
    assert client.get(f"{path}?start=1&length=6").content == b"script"
    assert client.get(f"{path}?start=999").content == b""
    for wrong in ("start=-1", "start=x", "length=0", f"length={2**40}", f"start={2**70}"):
        assert client.get(f"{path}?{wrong}").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "../../../etc/passwd",
        "feedback/../../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "feedback//page.html",
        "feedback/./page.html",
        "feedback\\page.html",
        "feedback/%00",
        "feedback/a%0ab",
        "feedback/" + "x" * 300,
        "x/" * 600,
        "feedback/link",
        "feedback/out/passwd",
        "feedback/pipe",
        "feedback",
    ],
)
def test_no_path_leads_out_or_to_what_is_no_file(client: Client, workspace: Workspace, path: str) -> None:
    root = files.root_of(workspace)
    os.symlink("/etc/passwd", root / "feedback" / "link")
    os.symlink("/etc", root / "feedback" / "out")
    os.mkfifo(root / "feedback" / "pipe")
    response = client.get(path_of(workspace) + path)
    assert response.status_code in (400, 404)
    assert response["Content-Type"] == "application/problem+json"
    assert b"root:" not in response.content


def test_a_file_that_is_not_there_is_404(client: Client, workspace: Workspace) -> None:
    response = client.get(f"{path_of(workspace)}feedback/nothing.md")
    assert (response.status_code, response.json()["detail"]) == (404, "feedback/nothing.md does not exist.")


def test_a_template_is_made_filled_changed_and_put_away(client: Client) -> None:
    def send(method: str, path: str, body: Any = None) -> Any:
        return getattr(client, method)(path, data=body, content_type="application/json")

    made = send(
        "post",
        "/api/v1/workspace-templates/",
        {"name": "Review", "context": [{"path": "rules.md", "kind": "text", "text": "Be brief."}]},
    ).json()
    path = f"/api/v1/workspace-templates/{made['id']}/"
    assert made["context"] == [{"path": "rules.md", "kind": "text", "context_item_id": None, "text": "Be brief."}]
    put = client.put(f"{path}files/work/a.md", data=b"\x00\xff", content_type="text/markdown")
    assert put.status_code == 204
    assert client.get(f"{path}files/work/a.md").content == b"\x00\xff"
    assert "work/a.md" in {entry["path"] for entry in client.get(f"{path}files/").json()["entries"]}
    assert client.put(f"{path}files/context/a.md", data=b"x", content_type="text/plain").status_code == 400
    assert client.put(f"{path}files/work/../../a", data=b"x", content_type="text/plain").status_code == 400
    assert client.delete(f"{path}files/work/a.md").status_code == 204
    assert client.delete(f"{path}files/work/a.md").status_code == 404
    changed = send("patch", path, {"name": "Review 2"}).json()
    assert (changed["name"], len(changed["context"]), changed["version"]) == ("Review 2", 1, 2)
    assert send("patch", path, {"context": []}).json()["context"] == []
    twice = send("patch", path, {"context": [{"path": "a", "kind": "text"}, {"path": "A", "kind": "text"}]})
    assert (twice.status_code, twice.json()["errors"][0]["path"]) == (400, "context/A")
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_a_card_that_the_caller_may_not_see_is_no_context() -> None:
    from_others = make_workspace().pk
    client = Client()
    client.force_login(make_user(role=Role.CEO))
    body = {"name": "T", "context": [{"path": "a.md", "kind": "item", "context_item_id": from_others}]}
    response = client.post("/api/v1/workspace-templates/", data=body, content_type="application/json")
    assert (response.status_code, response.json()["errors"][0]["path"]) == (400, "context")
    assert not WorkspaceTemplate.objects.exists()


def test_a_workspace_is_renamed_saved_as_a_template_and_put_away(client: Client) -> None:
    workspace = make_workspace(template=make_template(), status="completed")
    deliver(workspace, "work/plan.md", "plan")
    path = f"/api/v1/workspaces/{workspace.pk}/"
    renamed = client.patch(path, data={"title": "New\u200b title"}, content_type="application/json")
    assert renamed.json()["title"] == "New title"
    saved = client.post(f"{path}save-as-template/", data={"name": "Copy"}, content_type="application/json")
    assert saved.status_code == 201
    template = WorkspaceTemplate.objects.get(pk=saved.json()["id"])
    assert files.read_all(files.template_root(template), "work/plan.md") == b"plan"
    assert client.post(f"{path}archive/", data={}, content_type="application/json").json()["status"] == "archived"
    again = client.post(f"{path}archive/", data={}, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")
