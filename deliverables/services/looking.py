"""Looks at a deliverable's target in the workspace's directory, never through a link and never out of it."""

import hashlib
from pathlib import Path

from deliverables.rules.base import HEAD, WHOLE, Look
from workspaces import files

_CHUNK = 1 << 20


def look_at(root: Path, target: str, *, whole: bool = False) -> Look:
    """What lies at ``target`` now: size and checksum of one reading of the file, its head, and all of it where that is
    asked for and there is no more than WHOLE.
    """
    digest = hashlib.sha256()
    size, kept, most = 0, bytearray(), WHOLE if whole else HEAD
    try:
        with files.open_inside(root, target) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                kept += chunk[: most - len(kept)]
    except files.FileTrouble as trouble:
        return Look(trouble=str(trouble))
    body = bytes(kept) if whole and size <= WHOLE else None
    return Look(size=size, checksum=digest.hexdigest(), head=bytes(kept[:HEAD]), whole=body)
