"""Writes ``context/``: what was known when the workspace was made, each file with its origin in the manifest."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dct_site.kernel.crashpoints import crashpoint
from workspaces import files
from workspaces.enums import ContextKind, TrustTier
from workspaces.files.names import strict_parts_of
from workspaces.files.places import CONTEXT
from workspaces.models import ContextFile, ContextItem, Workspace

MANIFEST = "MANIFEST.json"
_PATH_LENGTH = 200


@dataclass(frozen=True)
class ContextEntry:
    """One file to write: ``path`` below ``context/``, what it holds, and where it comes from."""

    path: str
    kind: ContextKind
    content: bytes
    item: ContextItem | None = None
    item_version: int | None = None
    trust_tier: TrustTier = TrustTier.OPEN


def write(*, workspace: Workspace, entries: Sequence[ContextEntry], now: datetime) -> list[ContextFile]:
    """Write the files and ``context/MANIFEST.json``; return their rows for ``record``. The same again changes nothing.

    Must not be called inside a transaction. Raises FileTrouble (BadPath, NoSpace among them).
    """
    return _write(workspace, entries, [], now)


def _write(
    workspace: Workspace, entries: Sequence[ContextEntry], known: Sequence[ContextFile], now: datetime
) -> list[ContextFile]:
    root = files.root_of(workspace)
    for entry in entries:
        _check(entry.path)
        files.write_atomic(root, f"{CONTEXT}/{entry.path}", entry.content, is_durable=False)
    crashpoint("context.after_files")
    rows = sorted((_row(workspace, entry, now) for entry in entries), key=lambda row: row.path)
    files.write_atomic(root, f"{CONTEXT}/{MANIFEST}", as_json(_manifest(workspace, [*known, *rows])), is_durable=False)
    return rows


def add(*, workspace: Workspace, entries: Sequence[ContextEntry], now: datetime) -> None:
    """Write further files beside those that are there, with their rows, and name all in the manifest.

    Rows first: whoever is killed in between leaves nothing that an erasure would not find. The same again changes
    nothing. Must not be called inside a transaction. Raises FileTrouble.
    """
    record([_row(workspace, entry, now) for entry in entries])
    paths = {entry.path for entry in entries}
    known = ContextFile.objects.filter(workspace=workspace).exclude(path__in=paths).select_related("item")
    _write(workspace, entries, list(known), now)


def record(rows: Sequence[ContextFile]) -> None:
    """Save what ``write`` wrote, one row per path. Joins the caller's transaction."""
    ContextFile.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["workspace", "path"],
        update_fields=["kind", "item", "item_version", "size", "checksum", "trust_tier", "written_at"],
    )


def as_json(value: Any) -> bytes:
    """JSON as people and programs read it: UTF-8, indented, keys in order."""
    return (json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode("utf-8", "replace")


def _check(path: str) -> None:
    strict_parts_of(path)
    if len(path) > _PATH_LENGTH:
        raise files.BadPath(f"A path below context/ has at most {_PATH_LENGTH} characters.")
    if path.casefold() == MANIFEST.casefold():
        raise files.BadPath(f"context/{MANIFEST} is written by DCT itself.")


def _row(workspace: Workspace, entry: ContextEntry, now: datetime) -> ContextFile:
    return ContextFile(
        workspace=workspace,
        path=entry.path,
        kind=entry.kind,
        item=entry.item,
        item_version=entry.item_version,
        size=len(entry.content),
        checksum=hashlib.sha256(entry.content).hexdigest(),
        trust_tier=entry.trust_tier,
        written_at=now,
    )


def _manifest(workspace: Workspace, rows: Sequence[ContextFile]) -> dict[str, Any]:
    return {
        "schema": 1,
        "workspace": workspace.pk,
        "refresh": str(workspace.context_refresh_mode),
        "trust": str(workspace.trust_tier),
        "files": [
            {
                "path": row.path,
                "kind": str(row.kind),
                "item": row.item.external_key if row.item else None,
                "item_version": row.item_version,
                "size": row.size,
                "sha256": row.checksum,
                "trust": str(row.trust_tier),
                "written_at": row.written_at.isoformat(),
            }
            for row in rows
        ],
    }
