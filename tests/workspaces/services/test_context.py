"""Context files stand in the manifest with where they come from; writing them again changes nothing."""

import hashlib
import json
from datetime import datetime, timedelta

import pytest

from tests.factories.workspaces import make_item, make_workspace
from workspaces import files
from workspaces.enums import ContextKind, TrustTier
from workspaces.models import ContextFile
from workspaces.services.context import ContextEntry, record, write

pytestmark = pytest.mark.django_db


def test_files_rows_and_manifest_agree(now: datetime) -> None:
    workspace, item = make_workspace(), make_item()
    entries = [
        ContextEntry("event.json", ContextKind.EVENT, b"{}", trust_tier=TrustTier.VERIFIED),
        ContextEntry("more/item.json", ContextKind.ITEM, b"[1]", item, 7, TrustTier.OPEN),
    ]
    rows = write(workspace=workspace, entries=entries, now=now)
    record(rows)
    root = files.root_of(workspace)
    assert (root / "context/more/item.json").read_bytes() == b"[1]"
    assert [(row.path, row.size) for row in rows] == [("event.json", 2), ("more/item.json", 3)]
    manifest = json.loads((root / "context/MANIFEST.json").read_text())
    assert manifest["files"][1] == {
        "path": "more/item.json",
        "kind": "item",
        "item": item.external_key,
        "item_version": 7,
        "size": 3,
        "sha256": hashlib.sha256(b"[1]").hexdigest(),
        "trust": "open",
        "written_at": now.isoformat(),
    }


def test_writing_again_keeps_one_row_per_path(now: datetime) -> None:
    workspace = make_workspace()
    record(write(workspace=workspace, entries=[ContextEntry("event.json", ContextKind.EVENT, b"old")], now=now))
    later = now + timedelta(seconds=1)
    record(write(workspace=workspace, entries=[ContextEntry("event.json", ContextKind.EVENT, b"newer")], now=later))
    row = ContextFile.objects.get(workspace=workspace)
    assert (row.size, row.written_at) == (5, later)
    assert (files.root_of(workspace) / "context/event.json").read_bytes() == b"newer"


@pytest.mark.parametrize("path", ["../work/x", "/etc/x", "MANIFEST.json", "manifest.JSON", "a/" + "b/" * 100 + "c"])
def test_a_path_that_leads_elsewhere_is_refused(path: str, now: datetime) -> None:
    workspace = make_workspace()
    with pytest.raises(files.BadPath):
        write(workspace=workspace, entries=[ContextEntry(path, ContextKind.TEXT, b"")], now=now)
    assert not ContextFile.objects.exists()
