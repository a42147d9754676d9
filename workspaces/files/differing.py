"""What differs between a workspace's files and those it began with, within bounds: for people to look at."""

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workspaces.files.places import FEEDBACK, WORK
from workspaces.files.reading import Entry, list_tree, open_inside, read_all
from workspaces.files.troubles import FileTrouble

DIRECTORIES = (FEEDBACK, WORK)
"""Where agents write. What DCT itself writes to ``context/`` has a manifest of its own."""
FILES = 500
TEXT_BYTES = 32 * 1024
"""Of one file that is quoted; a larger one is named only."""
LINES = 1_000
"""More of them take a comparison line by line too long."""
TEXT_TOTAL = 256 * 1024
READ_TOTAL = 64 * 1024 * 1024
_CHUNK = 1 << 20
_UNREADABLE = (FileTrouble, OSError)  # gone, closed to us, or swapped for something else since it was listed


@dataclass(frozen=True, slots=True)
class Changed:
    """One file that differs. ``change`` is ``added``, ``changed`` or ``removed``; ``diff`` is a unified one, empty
    where the file is not quoted: it is no text, too large, hidden, or the bounds were reached.
    """

    path: str
    change: str
    size: int
    size_before: int
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """In the order of their paths; ``is_cut`` where not everything was compared or kept."""

    files: list[Changed]
    is_cut: bool


class _Budget:
    """What may still be read and quoted."""

    def __init__(self) -> None:
        self.read, self.text, self.is_cut = READ_TOTAL, TEXT_TOTAL, False


def changes(root: Path, base: Path | None, *, mask: Callable[[str], str] = str) -> Changes:
    """What differs below ``root`` from ``base`` (None: from nothing). ``mask`` is applied to every line quoted.

    Only plain files count; links are never followed. A file that cannot be read is named without being quoted.
    """
    budget = _Budget()
    now, before = _files_of(root, budget), _files_of(base, budget) if base is not None else {}
    found: list[Changed] = []
    for path in sorted({*now, *before}, key=lambda path: path.split("/")):
        change = _change(root, base, path, now, before, budget)
        if change is None:
            continue
        if len(found) >= FILES:
            budget.is_cut = True
            break
        sizes = [entries[path].size if path in entries else 0 for entries in (now, before)]
        diff = _diff(root, base, path, change, sizes, budget, mask)
        found.append(Changed(path, change, sizes[0], sizes[1], diff))
    return Changes(found, budget.is_cut)


def _files_of(root: Path, budget: _Budget) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for name in DIRECTORIES:
        try:
            listing = list_tree(root, name)
        except _UNREADABLE:
            continue
        budget.is_cut |= listing.is_cut
        found |= {entry.path: entry for entry in listing.entries if entry.kind == "file"}
    return found


def _change(
    root: Path,
    base: Path | None,
    path: str,
    now: Mapping[str, Entry],
    before: Mapping[str, Entry],
    budget: _Budget,
) -> str | None:
    if path not in before or base is None:
        return "added"
    if path not in now:
        return "removed"
    return None if now[path].size == before[path].size and _is_same(root, base, path, budget) else "changed"


def _is_same(root: Path, base: Path, path: str, budget: _Budget) -> bool:
    """Read to the end or to the first difference; what is beyond the budget counts as the same, and is said."""
    try:
        with open_inside(root, path) as one, open_inside(base, path) as other:
            budget.read -= 2 * os.fstat(one.fileno()).st_size
            if budget.read < 0:
                budget.is_cut = True
                return True
            while chunk := one.read(_CHUNK):
                if chunk != other.read(_CHUNK):
                    return False
    except _UNREADABLE:
        return False
    return True


def _diff(
    root: Path,
    base: Path | None,
    path: str,
    change: str,
    sizes: list[int],
    budget: _Budget,
    mask: Callable[[str], str],
) -> str:
    # Programs keep what they signed in with in hidden files.
    if any(part.startswith(".") for part in path.split("/")) or max(sizes) > TEXT_BYTES:
        return ""
    after = _lines(root, path) if change != "removed" else []
    earlier = _lines(base, path) if change != "added" and base is not None else []
    if after is None or earlier is None or max(len(after), len(earlier)) > LINES:
        return ""
    text = "\n".join(mask(line) for line in _unified(earlier, after))
    if len(text) > budget.text:
        budget.is_cut = True
        return ""
    budget.text -= len(text)
    return text


def _unified(before: list[str], after: list[str]) -> Iterator[str]:
    for at, line in enumerate(difflib.unified_diff(before, after, lineterm="")):
        if at >= 2:  # the names of the files, which stand beside it
            yield line


def _lines(root: Path, path: str) -> list[str] | None:
    """None for what is no text that a database takes."""
    try:
        text = read_all(root, path, limit=TEXT_BYTES).decode()
    except (*_UNREADABLE, UnicodeDecodeError):
        return None
    return None if "\0" in text else text.splitlines()
