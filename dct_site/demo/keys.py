"""The demo's passwords: made once, kept beside the other keys, so that a second start can tell them again."""

import json
import os
from pathlib import Path

from django.conf import settings


def path() -> Path:
    return Path(settings.DCT_DATA_DIR) / "keys" / "demo.json"


def read() -> dict[str, str]:
    """User name → password; empty where no demo was made."""
    try:
        told: dict[str, str] = json.loads(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return told


def remember(**passwords: str) -> None:
    """Add to what is kept (mode 0600)."""
    kept = {**read(), **passwords}
    path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file, indent=2)
