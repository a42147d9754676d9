"""Files of a workspace: read on a page as plain text, or downloaded. Nothing that an agent wrote is ever markup."""

import os
from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.base import PageView, SignedInView
from accounts.views.downloads import attachment
from workspaces import files
from workspaces.models import Workspace
from workspaces.selectors.workspaces import workspaces_visible_to
from workspaces.views import markdown

SHOWN_BYTES = 256 * 1024
DOWNLOAD_BYTES = 64 * 1024 * 1024
MARKDOWN = (".md", ".markdown")
TEXT = "text"


def file_url(workspace_id: int, path: str) -> str:
    """Where a file opens; "" for a name that no address can carry (a run may have made any)."""
    return (
        "" if any(ord(character) < 32 for character in path) else reverse("workspace-file", args=[workspace_id, path])
    )


class FilePage(PageView):
    """One file as text."""

    operation = Operation.VIEW
    page = "workspaces"
    template_name = "workspaces/file.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        pk, path = kwargs["pk"], kwargs["path"]
        workspace = self.find(workspaces_visible_to(user=self.user), pk=pk)
        self.require(Operation.VIEW_RAW, workspace)
        content, size, changed_at = _read(workspace, path, SHOWN_BYTES)
        text, note = _as_text(content, size)
        html = markdown.render(text) if text is not None and path.lower().endswith(MARKDOWN) else None
        here = file_url(pk, path)
        return {
            "file": {
                "path": path,
                "size": size,
                "changed_at": changed_at,
                "text": text,
                "html": None if self.request.GET.get("as") == TEXT else html,
                "views": [
                    {"label": "Markdown", "url": here, "on": self.request.GET.get("as") != TEXT},
                    {"label": "Text", "url": f"{here}?as={TEXT}", "on": self.request.GET.get("as") == TEXT},
                ]
                if html is not None
                else [],
                "note": note,
                "download_url": reverse("workspace-download", args=[pk, path]),
                "workspace": {"number": f"WS-{pk}", "url": reverse("workspace", args=[pk])},
            }
        }


class Download(SignedInView):
    """One file, as an attachment."""

    def get(self, request: HttpRequest, pk: int, path: str) -> HttpResponse:  # noqa: ARG002
        workspace = self.find(workspaces_visible_to(user=self.user), pk=pk)
        self.require(Operation.VIEW_RAW, workspace)
        content, size, _ = _read(workspace, path, DOWNLOAD_BYTES)
        if size > len(content):
            raise Http404(f"{path} is too large to be downloaded here.")
        return attachment(content, path.rpartition("/")[2])


def _read(workspace: Workspace, path: str, limit: int) -> tuple[bytes, int, datetime]:
    """The file's first bytes, its size and its time; whatever cannot be read is not there."""
    try:
        with files.open_inside(files.root_of(workspace), path) as file:
            found = os.fstat(file.fileno())
            return file.read(limit), found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)
    except files.FileTrouble as trouble:
        raise Http404(str(trouble)) from trouble


def _as_text(content: bytes, size: int) -> tuple[str | None, str]:
    """The text, and what to say about it; no text where the bytes are none."""
    if b"\0" in content:
        return None, "This file is not text."
    try:
        text = content.decode()
    except UnicodeDecodeError as wrong:
        # A character cut in two at the end is no sign of anything else.
        if len(content) == size or wrong.start < len(content) - 4:
            return None, "This file is not UTF-8 text."
        text = content[: wrong.start].decode()
    return text, f"The first {len(content):,} of {size:,} bytes." if size > len(content) else ""
