"""Looks at a deliverable's target in the workspace's directory, never through a link and never out of it."""

import hashlib
from pathlib import Path

from deliverables.rules import PATTERN_INPUT, Look
from workspaces import files

_CHUNK = 1 << 20


def look_at(root: Path, target: str) -> Look:
    """What lies at ``target`` now: size and checksum of one reading of the file, and its head."""
    digest = hashlib.sha256()
    size, head = 0, b""
    try:
        with files.open_inside(root, target) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if len(head) < PATTERN_INPUT:
                    head += chunk[: PATTERN_INPUT - len(head)]
    except files.FileTrouble as trouble:
        return Look(trouble=str(trouble))
    return Look(size=size, checksum=digest.hexdigest(), head=head)
