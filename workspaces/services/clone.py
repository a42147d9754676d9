"""Clones a template into a workspace: the row first, then the directory, made aside and put in place by one rename."""

import errno
import os
import secrets
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.db import IntegrityError, transaction

from accounts.models import User
from dct_site.kernel import moves
from dct_site.kernel.crashpoints import crashpoint
from workspaces import files
from workspaces.enums import ContextRefreshMode, TrustTier, WorkspaceStatus
from workspaces.files import places
from workspaces.models import ContextItem, Workspace, WorkspaceTemplate

ABANDONED_AFTER_S = 3600
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST}


class TemplateGone(Exception):
    """The template cannot be cloned any more; the message says what to do. Trying again does not help."""


def prepare(
    *,
    template: WorkspaceTemplate | None,
    origin: str,
    title: str,
    owner: User,
    item: ContextItem | None,
    trust_tier: TrustTier,
    context_refresh_mode: ContextRefreshMode,
    now: datetime,
) -> Workspace:
    """The row of a workspace in status ``building``, not saved yet. Looks at the disk; raises TemplateGone."""
    _must_be_there(template)
    return Workspace(
        title=title,
        template=template,
        item=item,
        owner=owner,
        origin=origin,
        directory=secrets.token_hex(16),
        context_refresh_mode=context_refresh_mode,
        trust_tier=trust_tier,
        options=dict(template.options) if template else {},
        created_at=now,
    )


def enter(wanted: Workspace, *, now: datetime) -> Workspace:
    """Save a prepared workspace, or return the one that its ``origin`` has already, however often it is asked for and
    wherever an earlier call was cut off. Joins the caller's transaction.
    """
    with transaction.atomic():
        known = Workspace.objects.filter(origin=wanted.origin).first()
        if known is not None:
            return known
        try:
            with transaction.atomic():
                wanted.save(force_insert=True)
        except IntegrityError:  # another call for the same origin was first
            return Workspace.objects.get(origin=wanted.origin)
        moves.born(wanted, now=now)
    return wanted


def build(workspace: Workspace) -> None:
    """Make the directory of a workspace in status ``building``; one that is there stays as it is.

    Must not be called inside a transaction: it copies files. Raises TemplateGone, and FileTrouble (NoSpace among
    them) from the copy.
    """
    crashpoint("clone.after_row")
    if workspace.status == WorkspaceStatus.BUILDING and not files.root_of(workspace).is_dir():
        _must_be_there(workspace.template)
        _make_directory(workspace, workspace.template)


def _must_be_there(template: WorkspaceTemplate | None) -> None:
    if template is None:
        return
    if template.is_archived:
        raise TemplateGone(f"The workspace template “{template.name}” was archived. Choose another one.")
    if not files.template_root(template).is_dir():
        raise TemplateGone(
            f"The files of the workspace template “{template.name}” are missing on disk. Restore or replace it."
        )


def _make_directory(workspace: Workspace, template: WorkspaceTemplate | None) -> None:
    aside = places.data_dir() / "staging"
    _sweep(aside)
    staging = aside / f"{workspace.directory}-{secrets.token_hex(4)}"
    files.make_directories(staging, *places.SKELETON)
    try:
        if template is not None:
            files.copy_tree(files.template_root(template), staging)
        crashpoint("clone.after_copy")
        _put_in_place(staging, files.root_of(workspace))
    finally:
        files.remove_tree(staging)


def _put_in_place(staging: Path, target: Path) -> None:
    files.make_directories(target.parent)
    try:
        os.rename(staging, target)
    except OSError as error:
        if error.errno not in _TAKEN:  # taken: another call for the same origin has just put its own in place
            raise


def _sweep(aside: Path) -> None:
    """Remove what calls that were killed left behind."""
    files.make_directories(aside)
    before = time.time() - ABANDONED_AFTER_S
    with os.scandir(aside) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another call has just put its own in place
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    files.remove_tree(Path(entry.path))
