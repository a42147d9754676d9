"""Taking away what workspaces were told from outside: their title, ``context/``, and, if asked, what agents made of it.

Directories first, rows after: killed in between, the same again finishes.
"""

from collections.abc import Sequence

from django.db import transaction

from workspaces import files
from workspaces.files.places import CONTEXT, FEEDBACK, WORK
from workspaces.models import ContextFile, Workspace

ERASED = "Erased"
"""The title of a workspace whose own named what was erased."""
CHUNK = 500


def forget_context(*, workspace: Workspace, with_files: bool) -> int:
    """Take away ``context/`` and the title, and with ``with_files`` the files of ``work/`` and ``feedback/``; returns
    how many rows of the manifest went. Must not be called inside a transaction.
    """
    root = files.root_of(workspace)
    for name in (CONTEXT, FEEDBACK, WORK) if with_files else (CONTEXT,):
        files.remove_tree(root / name)
    if root.is_dir():
        files.make_directories(root, CONTEXT, FEEDBACK, WORK)
    gone = 0
    while ids := list(ContextFile.objects.filter(workspace=workspace).values_list("pk", flat=True)[:CHUNK]):
        gone += _delete(ids)
    Workspace.objects.filter(pk=workspace.pk).exclude(title=ERASED, options={}).update(title=ERASED, options={})
    return gone


def forget_files_about(*, item_ids: Sequence[int]) -> int:
    """Take away single context files about these items from workspaces that are about something else; how many.

    Must not be called inside a transaction.
    """
    gone = 0
    rows = ContextFile.objects.filter(item__in=item_ids).select_related("workspace").order_by("pk")
    while found := list(rows[:CHUNK]):
        for row in found:
            root = files.root_of(row.workspace)
            if (root / CONTEXT).is_dir():
                files.delete_file(root, f"{CONTEXT}/{row.path}")
        gone += _delete([row.pk for row in found])
    return gone


def _delete(ids: Sequence[int]) -> int:
    with transaction.atomic():
        count, _ = ContextFile.objects.filter(pk__in=ids).delete()
    return count
