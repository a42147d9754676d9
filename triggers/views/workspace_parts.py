"""A workspace's files as pages show them: what is new, what was edited, and where each opens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import may
from agents.models import Agent
from dct_site.templatetags.spans import bytes_words
from triggers.views.links import link_to_workspace
from workspaces import files
from workspaces.files.places import CONTEXT
from workspaces.models import Workspace
from workspaces.views.files import file_url

SHOWN_FILES = 100
_LOOKED_AT = 2_000
_TOPS = frozenset({"context", "feedback", "work"})


def workspace_shown(workspace: Workspace, *, user: User, agent: Agent | None) -> dict[str, Any]:
    """For ``triggers/_workspace.html``."""
    shown, more = files_shown(workspace, user=user, began=agent.started_at if agent is not None else None)
    return {
        "id": workspace.pk,
        **link_to_workspace(workspace),
        "status": workspace.status,
        "files": shown,
        "more": more,
        "diff": "",
    }


def files_shown(
    workspace: Workspace, *, user: User, began: datetime | None, limit: int = SHOWN_FILES
) -> tuple[list[dict[str, Any]], int]:
    """The files (and directories with nothing in them), those that a run made or edited first; how many are left out.

    ``began`` is when the agent began. Contents open only for those who may look at raw parts.
    """
    entries = _listing(workspace)
    before = _template_sizes(workspace)
    is_raw = bool(may(user, Operation.VIEW_RAW, workspace))
    filled = {entry.path.rpartition("/")[0] for entry in entries} | _TOPS
    found = []
    for entry in entries:
        if entry.kind == "directory" and entry.path in filled:
            continue
        is_file = entry.kind == "file"
        found.append(
            {
                "path": entry.path,
                "url": file_url(workspace.pk, entry.path) if is_raw and is_file else "",
                "is_dir": entry.kind == "directory",
                "change": _change(entry, before, began) if is_file else "",
                "words": bytes_words(entry.size) if is_file else entry.kind,
            }
        )
    found.sort(key=lambda shown: (shown["change"] == "", shown["path"]))
    return found[:limit], max(0, len(found) - limit)


def _listing(workspace: Workspace) -> list[files.Entry]:
    try:
        return files.list_tree(files.root_of(workspace), limit=_LOOKED_AT).entries
    except files.FileTrouble:
        return []


def _template_sizes(workspace: Workspace) -> Mapping[str, int]:
    """{path: bytes} of what the template brought along."""
    if workspace.template is None:
        return {}
    try:
        entries = files.list_tree(files.template_root(workspace.template), limit=_LOOKED_AT).entries
    except files.FileTrouble:
        return {}
    return {entry.path: entry.size for entry in entries}


def _change(entry: files.Entry, before: Mapping[str, int], began: datetime | None) -> str:
    """What a run did to a file: as far as size and time tell."""
    if entry.path.startswith(f"{CONTEXT}/") or began is None or entry.changed_at < began:
        return ""
    return "edited" if entry.path in before else "new"
