"""Templates are made, edited against their version, filled with files, saved from workspaces."""

import os
from datetime import datetime

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from dct_site.kernel.edits import EditConflict
from tests.factories.accounts import make_user
from tests.factories.workspaces import make_item, make_template, make_workspace
from workspaces import files
from workspaces.enums import ContextKind, ContextRefreshMode
from workspaces.models import WorkspaceTemplate
from workspaces.services import templates
from workspaces.services.save_as_template import save_as_template
from workspaces.services.templates import BadTemplate, ContextWish

pytestmark = pytest.mark.django_db
BY = Actor.system("test")


def test_a_template_is_made_with_its_directory_and_context(now: datetime) -> None:
    item = make_item()
    wishes = [ContextWish("guide.md", ContextKind.TEXT, text="Read."), ContextWish("repo.json", ContextKind.ITEM, item)]
    template = templates.create(name=" Digests\u200b ", owner=make_user(), by=BY, now=now, context=wishes)
    assert template.name == "Digests"
    assert sorted(os.listdir(files.template_root(template))) == ["feedback", "work"]
    assert list(template.context.values_list("path", "item")) == [("guide.md", None), ("repo.json", item.pk)]
    assert AuditEntry.objects.filter(action="template.created", object_id=template.pk).exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"title_pattern": " "}, "title_pattern"),
        ({"context_refresh_mode": "sometimes"}, "context_refresh_mode"),
        ({"options": [1]}, "options"),
        ({"options": []}, "options"),
        ({"context": [ContextWish("../x", ContextKind.TEXT)]}, "context/../x"),
        ({"context": [ContextWish("x", ContextKind.TEXT), ContextWish("X", ContextKind.TEXT)]}, "context/X"),
        ({"context": [ContextWish("Manifest.json", ContextKind.TEXT)]}, "context/Manifest.json"),
        ({"context": [ContextWish("a/" * 100 + "b", ContextKind.TEXT)]}, "context/" + "a/" * 100 + "b"),
    ],
)
def test_what_cannot_stand_is_refused_by_field(fields: dict[str, object], field: str, now: datetime) -> None:
    with pytest.raises(BadTemplate) as refused:
        templates.create(**{"name": "A", "owner": make_user(), "by": BY, "now": now, **fields})  # type: ignore[arg-type]
    assert list(refused.value.problems) == [field]
    assert not WorkspaceTemplate.objects.exists()


def test_an_update_needs_the_current_version(now: datetime) -> None:
    template = make_template()
    wish = ContextWish("a.md", ContextKind.TEXT, text="a")
    templates.update(template=template, version=1, by=BY, now=now, name="New", context=[wish])
    assert (template.name, template.version, template.context.count()) == ("New", 2, 1)
    templates.update(template=template, version=2, by=BY, now=now, options={"x": 1})
    assert template.context.count() == 1
    with pytest.raises(EditConflict):
        templates.update(template=template, version=2, by=BY, now=now, name="Mine")
    template.refresh_from_db()
    assert (template.name, template.options) == ("New", {"x": 1})


def test_an_update_is_checked_as_a_whole(now: datetime) -> None:
    template = make_template()
    with pytest.raises(BadTemplate):
        templates.update(template=template, version=1, by=BY, now=now, options=["no"])
    with pytest.raises(BadTemplate, match="directory cannot be changed"):
        templates.update(template=template, version=1, by=BY, now=now, directory="../x")


def test_an_archived_template_says_so(now: datetime) -> None:
    template = make_template()
    templates.archive(template=template, by=BY, now=now)
    template.refresh_from_db()
    assert template.is_archived


def test_files_are_put_and_deleted_below_work_and_feedback(now: datetime) -> None:
    template = make_template()
    templates.put_file(template=template, path="work/a.md", content=b"a", by=BY, now=now)
    assert (files.template_root(template) / "work/a.md").read_bytes() == b"a"
    assert templates.delete_file(template=template, path="work/a.md", by=BY, now=now) is True
    assert templates.delete_file(template=template, path="work/a.md", by=BY, now=now) is False
    written = AuditEntry.objects.filter(action__startswith="template.file_").order_by("id")
    assert list(written.values_list("action", flat=True)) == ["template.file_written", "template.file_deleted"]


@pytest.mark.parametrize("path", ["context/x", "x", "work", "../work/x", "work/../x", "/work/x"])
def test_no_file_lies_anywhere_else(path: str, now: datetime) -> None:
    template = make_template()
    with pytest.raises(files.BadPath):
        templates.put_file(template=template, path=path, content=b"", by=BY, now=now)


def test_a_file_that_is_too_large_is_refused(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "FILE_BYTES", 3)
    with pytest.raises(files.NotAFile):
        templates.put_file(template=make_template(), path="work/x", content=b"1234", by=BY, now=now)


def test_a_saved_workspace_keeps_what_was_prepared_and_nothing_a_run_left(now: datetime) -> None:
    origin = make_template(
        {"work/.git/config": "[core]", "work/src/main.py": "1", "feedback/sub/form.md": "form"},
        title_pattern="{item.key}",
        description="Why",
        context=[ContextWish("guide.md", ContextKind.TEXT, text="Read.")],
    )
    workspace = make_workspace(template=origin, options={"x": 1}, context_refresh_mode=ContextRefreshMode.ALL)
    root = files.root_of(workspace)
    for path in ("work/src/main.py", "work/new.md", "feedback/digest.md", "feedback/sub/form.md", "context/event.json"):
        files.write_atomic(root, path, b"2")
    for planted in ("work/.git/hooks/post-checkout", "work/.git/config", "work/src/AGENTS.md", "work/.envrc"):
        files.write_atomic(root, planted, b"planted")
    (root / "work/link").symlink_to("/etc/passwd")
    saved = save_as_template(workspace=workspace, name="Mine", owner=workspace.owner, by=BY, now=now)
    made = files.template_root(saved.template)
    assert (made / "work/src/main.py").read_text() == "2"
    assert (made / "work/new.md").exists()
    assert (made / "work/.git/config").read_text() == "[core]"
    assert not (made / "work/.git/hooks").exists()
    assert os.listdir(made / "feedback") == ["sub"]
    assert os.listdir(made / "feedback/sub") == []
    assert not (made / "context").exists()
    assert saved.left_out == [
        "feedback/digest.md",
        "feedback/sub/form.md",
        "work/.envrc",
        "work/.git",
        "work/link",
        "work/src/AGENTS.md",
    ]
    template = WorkspaceTemplate.objects.get(pk=saved.template.pk)
    assert (template.title_pattern, template.description, template.options) == ("{item.key}", "Why", {"x": 1})
    assert template.context_refresh_mode == ContextRefreshMode.ALL
    assert list(template.context.values_list("path", "text")) == [("guide.md", "Read.")]


def test_a_workspace_made_by_hand_can_be_saved_too(now: datetime) -> None:
    workspace = make_workspace()
    files.write_atomic(files.root_of(workspace), "work/.claude/settings.json", b"planted")
    saved = save_as_template(workspace=workspace, name="Mine", owner=workspace.owner, by=BY, now=now)
    assert saved.left_out == ["work/.claude"]
    with pytest.raises(BadTemplate):
        save_as_template(workspace=workspace, name=" ", owner=workspace.owner, by=BY, now=now)


def test_a_template_whose_files_are_gone_restores_nothing(now: datetime) -> None:
    origin = make_template({"work/.envrc": "x"})
    workspace = make_workspace(template=origin)
    files.write_atomic(files.root_of(workspace), "work/.envrc", b"planted")
    files.remove_tree(files.template_root(origin))
    saved = save_as_template(workspace=workspace, name="Mine", owner=workspace.owner, by=BY, now=now)
    assert os.listdir(files.template_root(saved.template) / "work") == []
