"""Small pieces of Markdown that the generated pages share."""

from collections.abc import Iterable, Sequence

NOTE = "<!-- Written by docs/generate.py; change the code or docs/pages/, then run it again. -->"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars inside cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(word: str) -> str:
    return f"`{word}`"


def listed(words: Iterable[str], nothing: str = "–") -> str:
    return ", ".join(code(word) for word in words) or nothing


def joined(*parts: str) -> str:
    """A page of its parts, with an empty line between."""
    return "\n\n".join(part for part in (NOTE, *parts) if part) + "\n"
