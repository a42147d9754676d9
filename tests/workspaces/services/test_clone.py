"""A clone is made once per origin, however often it is asked for and wherever it was cut off."""

import os
import threading
import time
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.factories.accounts import make_user
from tests.factories.workspaces import make_template, make_workspace
from workspaces import files
from workspaces.enums import ContextRefreshMode, TrustTier, WorkspaceStatus
from workspaces.files import places
from workspaces.models import Workspace, WorkspaceTemplate
from workspaces.services import clone as clone_module
from workspaces.services.clone import TemplateGone, build, enter, prepare

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_directory(settings: Any, tmp_path: Path) -> None:
    """In the tests' common one lies what tests of killed clones leave behind."""
    settings.DCT_DATA_DIR = str(tmp_path)


def _clone(template: WorkspaceTemplate | None, now: datetime, origin: str = "execution:1") -> Workspace:
    wanted = prepare(
        template=template,
        origin=origin,
        title="A title",
        owner=template.owner if template else make_user(),
        item=None,
        trust_tier=TrustTier.VERIFIED,
        context_refresh_mode=ContextRefreshMode.TRIGGERING_ITEM,
        now=now,
    )
    workspace = enter(wanted, now=now)
    build(workspace)
    return workspace


def test_a_clone_has_the_templates_files_and_the_three_directories(now: datetime) -> None:
    template = make_template({"work/notes/plan.md": "plan", "feedback/form.md": "form"}, options={"tone": "short"})
    workspace = _clone(template, now)
    root = files.root_of(workspace)
    assert (root / "work/notes/plan.md").read_text() == "plan"
    assert (root / "feedback/form.md").read_text() == "form"
    assert (root / "context").is_dir()
    assert (workspace.status, workspace.options) == (WorkspaceStatus.BUILDING, {"tone": "short"})
    assert list((Path(settings.DCT_DATA_DIR) / "staging").iterdir()) == []


def test_a_clone_of_nothing_has_the_three_directories(now: datetime) -> None:
    root = files.root_of(_clone(None, now))
    assert sorted(os.listdir(root)) == ["context", "feedback", "work"]


def test_the_same_origin_gives_the_same_workspace(now: datetime) -> None:
    template = make_template({"work/a": "1"})
    first = _clone(template, now)
    files.write_atomic(files.root_of(first), "work/a", b"changed")
    again = _clone(template, now)
    assert again.pk == first.pk
    assert (files.root_of(again) / "work/a").read_text() == "changed"


def test_a_row_without_its_directory_is_completed(now: datetime) -> None:
    template = make_template({"work/a": "1"})
    workspace = make_workspace(origin="execution:1", status=WorkspaceStatus.BUILDING, template=template)
    files.remove_tree(files.root_of(workspace))
    assert _clone(template, now).pk == workspace.pk
    assert (files.root_of(workspace) / "work/a").read_text() == "1"


def test_a_workspace_that_went_on_is_left_alone(now: datetime) -> None:
    workspace = make_workspace(origin="execution:1")
    files.remove_tree(files.root_of(workspace))
    assert _clone(None, now).pk == workspace.pk
    assert not files.root_of(workspace).exists()


def test_an_archived_template_is_refused_by_name(now: datetime) -> None:
    template = make_template(name="Digests")
    template.is_archived = True
    with pytest.raises(TemplateGone, match="“Digests” was archived"):
        _clone(template, now)
    assert not Workspace.objects.exists()


def test_a_template_whose_files_are_gone_is_refused_by_name(now: datetime) -> None:
    template = make_template(name="Digests")
    files.remove_tree(files.template_root(template))
    with pytest.raises(TemplateGone, match="“Digests” are missing on disk"):
        _clone(template, now)


def test_a_link_in_a_template_is_refused_and_nothing_is_left(now: datetime) -> None:
    template = make_template()
    (files.template_root(template) / "work/passwd").symlink_to("/etc/passwd")
    with pytest.raises(files.NotAFile, match="work/passwd is a link"):
        _clone(template, now)
    assert not files.root_of(Workspace.objects.get()).exists()
    assert list((Path(settings.DCT_DATA_DIR) / "staging").iterdir()) == []


def test_what_killed_calls_left_behind_is_swept_later(now: datetime) -> None:
    staging = Path(settings.DCT_DATA_DIR) / "staging"
    files.make_directories(staging, "old/work", "young")
    before = time.time() - clone_module.ABANDONED_AFTER_S - 5
    os.utime(staging / "old", (before, before))
    _clone(None, now)
    assert [entry.name for entry in staging.iterdir()] == ["young"]
    files.remove_tree(staging / "young")


def test_what_another_call_puts_in_place_meanwhile_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    aside, scandir = places.data_dir() / "staging", os.scandir
    files.make_directories(aside / "others")

    def gone_meanwhile(path: Path) -> Any:
        if path != aside:
            return scandir(path)
        with scandir(path) as entries:
            found = list(entries)
        (aside / "others").rmdir()
        return nullcontext(found)

    monkeypatch.setattr(os, "scandir", gone_meanwhile)
    clone_module._sweep(aside)
    assert not (aside / "others").exists()


@pytest.mark.two_ways
@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_workspace(now: datetime) -> None:
    template = make_template({f"work/{number}": "x" for number in range(50)})
    made: list[int] = []
    gate = threading.Barrier(4)

    def make() -> None:
        try:
            gate.wait()
            made.append(_clone(template, now).pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == 1
    assert len(os.listdir(files.root_of(Workspace.objects.get()) / "work")) == 50


def test_who_looked_before_the_first_had_saved_gets_its_workspace(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = make_template()
    first = _clone(template, now)
    monkeypatch.setattr(Workspace.objects, "filter", lambda **_: Workspace.objects.none())
    assert _clone(template, now) == first
    assert Workspace.objects.count() == 1


def test_a_directory_that_is_there_first_wins(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    real = files.copy_tree

    def slower(source: Path, target: Path) -> list[str]:
        workspace = Workspace.objects.get()
        files.make_directories(files.root_of(workspace), "work")
        files.write_atomic(files.root_of(workspace), "work/a", b"theirs")
        return real(source, target)

    monkeypatch.setattr("workspaces.services.clone.files.copy_tree", slower)
    workspace = _clone(make_template({"work/a": "mine"}), now)
    assert (files.root_of(workspace) / "work/a").read_text() == "theirs"


def test_a_disk_that_breaks_is_not_taken_for_another_call(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(source: Path, target: Path) -> None:
        raise OSError(5, "broken")

    monkeypatch.setattr("workspaces.services.clone.os.rename", broken)
    with pytest.raises(OSError, match="broken"):
        _clone(None, now)
