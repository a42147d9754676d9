"""Writes the reference pages that come from the code: `python docs/generate.py`; --check only says which differ."""

import os
import sys
from pathlib import Path

import django

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
django.setup()

from docs.pages import conditions, health, permissions, status_words  # noqa: E402 - models are there only now

PAGES = {
    "reference/status-words.md": status_words.page,
    "reference/conditions.md": conditions.page,
    "reference/permissions.md": permissions.page,
    "reference/health.md": health.page,
}


def main(words: list[str]) -> int:
    """Write what differs and name it; 1 with --check where something does."""
    stale = {name: text for name, page in PAGES.items() if (text := page()) != _now(HERE / name)}
    for name, text in stale.items():
        if "--check" not in words:
            (HERE / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
    return 1 if stale and "--check" in words else 0


def _now(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
