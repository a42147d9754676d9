"""Workspace templates on their pages: settings, context rows, files."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.enums import Role
from tests.factories.workspaces import make_item, make_template
from tests.triggers.views.people import Visitor, visitor
from workspaces import files
from workspaces.models import WorkspaceTemplate

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Visitor:
    return visitor(Role.CEO)


@pytest.fixture
def template(person: Visitor) -> WorkspaceTemplate:
    return make_template({"work/notes.md": "Old notes."}, owner=person.user)


def fields(template: WorkspaceTemplate, **over: Any) -> dict[str, Any]:
    return {
        "name": template.name,
        "title_pattern": template.title_pattern,
        "context_refresh_mode": template.context_refresh_mode,
        "version": template.version,
        "context-TOTAL_FORMS": 0,
        "context-INITIAL_FORMS": 0,
        **over,
    }


def test_a_template_is_made_and_opened(person: Visitor) -> None:
    assert person.press(reverse("template-new"), {"name": ""}).status_code == 422
    answer = person.press(reverse("template-new"), {"name": "Kit"})
    made = WorkspaceTemplate.objects.get(name="Kit")
    assert made.owner == person.user
    assert answer.headers["HX-Redirect"] == reverse("template", args=[made.pk])


def test_settings_and_context_rows_are_saved_together(person: Visitor, template: WorkspaceTemplate) -> None:
    rows = {
        "context-TOTAL_FORMS": 3,
        "context-0-path": "house-rules.md",
        "context-0-kind": "text",
        "context-0-text": "Be brief.",
        "context-1-path": "gone.md",
        "context-1-kind": "text",
        "context-1-DELETE": "on",
        "context-2-path": "",
        "context-2-kind": "text",
    }
    answer = person.post(reverse("template", args=[template.pk]), fields(template, name="Renamed", **rows))
    assert answer.status_code == 302
    template.refresh_from_db()
    assert template.name == "Renamed"
    assert [(row.path, row.text) for row in template.context.all()] == [("house-rules.md", "Be brief.")]


def test_a_context_path_out_of_the_workspace_is_refused(person: Visitor, template: WorkspaceTemplate) -> None:
    row = {"context-TOTAL_FORMS": 1, "context-0-path": "../../etc/passwd", "context-0-kind": "text"}
    answer = person.post(reverse("template", args=[template.pk]), fields(template, **row))
    assert answer.status_code == 422
    assert not template.context.exists()


def test_an_item_that_one_may_not_see_cannot_be_written_into_clones(
    person: Visitor, template: WorkspaceTemplate
) -> None:
    hidden = make_item(is_watched=True)
    row = {"context-TOTAL_FORMS": 1, "context-0-path": "a.md", "context-0-kind": "item", "context-0-item": hidden.pk}
    assert person.post(reverse("template", args=[template.pk]), fields(template, **row)).status_code == 422
    assert not template.context.exists()


def test_a_stale_form_is_refused(person: Visitor, template: WorkspaceTemplate) -> None:
    answer = person.post(reverse("template", args=[template.pk]), fields(template, name="Stale", version=99))
    assert answer.status_code == 422
    assert "Somebody else changed this in the meantime." in answer.content.decode()
    assert 'value="Stale"' in answer.content.decode()


def test_a_title_is_previewed_and_never_evaluated(person: Visitor) -> None:
    pattern = "{item.title} {trigger.name} {item.__class__} {{7*7}} <b>x</b>"
    text = person.press(reverse("template-preview"), {"title_pattern": pattern}).content.decode()
    assert "Ship the release notes A trigger {item.__class__} {{7*7}} &lt;b&gt;x&lt;/b&gt;" in text


def test_a_file_is_written_uploaded_and_taken_out(person: Visitor, template: WorkspaceTemplate) -> None:
    url = reverse("template-file", args=[template.pk])
    root = files.template_root(template)
    assert person.post(url, {"path": "work/plan.md", "text": "One\r\nTwo"}).status_code == 302
    assert files.read_all(root, "work/plan.md") == b"One\nTwo"
    upload = SimpleUploadedFile("x.bin", b"\x00\x01")
    assert person.post(url, {"path": "work/x.bin", "upload": upload}).status_code == 302
    assert files.read_all(root, "work/x.bin") == b"\x00\x01"
    assert person.get(f"{url}?path=work/plan.md").context["form"].initial["text"] == "One\nTwo"
    person.press(f"{reverse('template-file-delete', args=[template.pk])}?path=work/plan.md")
    assert "work/plan.md" not in [entry.path for entry in files.list_tree(root).entries]


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "work/../../x", "context/x", "work", "x\x00y"])
def test_a_file_never_lies_elsewhere(person: Visitor, template: WorkspaceTemplate, path: str) -> None:
    url = reverse("template-file", args=[template.pk])
    before = files.list_tree(files.template_root(template)).entries
    assert person.post(url, {"path": path, "text": "x"}).status_code == 422
    assert person.client.get(url, {"path": path}).status_code == 404
    assert person.client.post(f"{url}delete/?path={path}").status_code in (302, 404)
    assert files.list_tree(files.template_root(template)).entries == before


def test_a_template_that_is_put_away_is_no_longer_listed(person: Visitor, template: WorkspaceTemplate) -> None:
    person.press(reverse("template-archive", args=[template.pk]))
    assert template.name not in [row["name"] for row in person.get(reverse("templates")).context["templates"]]
    assert person.get(reverse("template", args=[template.pk])).status_code == 404
