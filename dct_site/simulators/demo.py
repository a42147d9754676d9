"""What the running demo tells about itself, in ``run/demo.json`` of the data directory; no Django needed."""

import json
import os
from pathlib import Path
from typing import Any


class NoDemo(Exception):
    """No demo runs on this data directory; the message says what to do."""


def path_of(data: Path) -> Path:
    """The file of a data directory."""
    return data / "run" / "demo.json"


def read(data: Path) -> dict[str, Any]:
    """What the demo told: smtp, imap, user, address, github_webhook_url, github_webhook_secret. Raises NoDemo."""
    try:
        told = json.loads(path_of(data).read_text())
    except (OSError, ValueError):
        told = None
    if not isinstance(told, dict):
        raise NoDemo(f"No demo runs on {data}; start one with `./dct run --demo`, or name its directory with --data.")
    return told


def tell(data: Path, **told: Any) -> None:
    """Add to the file, which only its owner may read and which is never half-written."""
    target = path_of(data)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        known = read(data)
    except NoDemo:
        known = {}
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(known | told, file, indent=2)
    fresh.replace(target)
