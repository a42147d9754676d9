"""Saves a workspace as a template: what was prepared is kept, what a run left behind and what it may have planted is
not (threat T4).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from accounts.services import audit
from workspaces import files
from workspaces.files import places
from workspaces.models import TemplateContext, Workspace, WorkspaceTemplate
from workspaces.services.templates import BadTemplate
from workspaces.services.untrusted import strip_invisible

# What a program reads as its own configuration, and runs: a run could plant it for the next one.
PLANTABLE = frozenset(
    {
        ".git",
        ".claude",
        ".codex",
        ".cursor",
        ".gemini",
        ".vscode",
        ".idea",
        ".husky",
        ".githooks",
        ".envrc",
        ".mcp.json",
        ".gitconfig",
        ".gitmodules",
        ".npmrc",
        ".bashrc",
        ".profile",
        ".bash_profile",
        ".zshrc",
        ".ssh",
        "agents.md",
        "claude.md",
        "gemini.md",
        ".aider.conf.yml",
        ".cursorrules",
        "sitecustomize.py",
    }
)


@dataclass(frozen=True)
class Saved:
    """The new template, and the paths of the workspace that were left out of it."""

    template: WorkspaceTemplate
    left_out: list[str]


def save_as_template(*, workspace: Workspace, name: str, owner: User, by: Actor, now: datetime) -> Saved:
    """A template with the workspace's ``work/`` and the directories of its ``feedback/``.

    Left out: ``context/`` (written anew in each clone), the files in ``feedback/`` (what a run delivered), links and
    special files, and whatever a program takes as its own configuration – that is taken from the template the workspace
    was made from. Raises BadTemplate for the name, FileTrouble from the copy.
    """
    title = strip_invisible(name).strip()
    if not 1 <= len(title) <= 200:
        raise BadTemplate({"name": "A name has 1 to 200 characters."})
    origin = workspace.template
    template = WorkspaceTemplate(
        name=title,
        description=origin.description if origin else "",
        context_refresh_mode=workspace.context_refresh_mode,
        options=workspace.options,
        directory=secrets.token_hex(16),
        owner=owner,
        created_at=now,
        updated_at=now,
    )
    if origin:
        template.title_pattern = origin.title_pattern
    left_out = _copy_files(workspace, template)
    with transaction.atomic():
        template.save(force_insert=True)
        _copy_context(origin, template)
        audit.record(
            by=by, action="template.saved", obj=template, now=now, after={"name": title, "workspace": workspace.pk}
        )
    return Saved(template, left_out)


def _copy_files(workspace: Workspace, template: WorkspaceTemplate) -> list[str]:
    source = files.root_of(workspace)
    staging = places.data_dir() / "staging" / f"{template.directory}-{secrets.token_hex(4)}"
    files.make_directories(staging, places.FEEDBACK, places.WORK)
    try:
        left_out = files.copy_tree(source, staging, wanted=lambda path: _is_kept(source, path), skip_unsafe=True)
        if workspace.template is not None:
            _restore(files.template_root(workspace.template), staging, left_out)
        target = files.template_root(template)
        files.make_directories(target.parent)
        staging.rename(target)
    finally:
        files.remove_tree(staging)
    return [path for path in left_out if path != places.CONTEXT]


def _is_kept(source: Path, path: str) -> bool:
    top, _, rest = path.partition("/")
    if top == places.WORK:
        return not any(part.casefold() in PLANTABLE for part in rest.split("/"))
    if top == places.FEEDBACK:
        here = source / path
        return here.is_dir() and not here.is_symlink()
    return False


def _restore(root: Path, staging: Path, left_out: list[str]) -> None:
    """Bring back from the original template what was left out as plantable."""
    wanted = [path for path in left_out if path.startswith(f"{places.WORK}/")]
    if wanted and root.is_dir():
        planted = tuple(f"{path}/" for path in wanted)
        above = {"/".join(path.split("/")[:depth]) for path in wanted for depth in range(1, path.count("/") + 1)}
        files.copy_tree(root, staging, wanted=lambda path: path in wanted or path in above or path.startswith(planted))


def _copy_context(origin: WorkspaceTemplate | None, template: WorkspaceTemplate) -> None:
    if origin is None:
        return
    TemplateContext.objects.bulk_create(
        TemplateContext(template=template, path=row.path, kind=row.kind, item=row.item, text=row.text)
        for row in origin.context.select_related("item")
    )
