"""Which formats a deliverable may have to be of, what each may ask besides, and what is expected in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deliverables.rules import binary, textual


class Format(StrEnum):
    """By content, not by a name's ending."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    MARKDOWN = "markdown"
    PDF = "pdf"
    IMAGE = "image"
    OFFICE = "office"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class Kind:
    """``problems`` says what is wrong with a file's bytes under a deliverable's rules; ``option`` is the one rule that
    goes with this format and with no other.
    """

    name: str
    problems: Callable[[bytes, Mapping[str, Any]], list[str]]
    option: str = ""


KINDS: Mapping[Format, Kind] = {
    Format.TEXT: Kind("text in UTF-8", textual.text),
    Format.JSON: Kind("JSON", textual.json_text, "schema"),
    Format.YAML: Kind("YAML", textual.yaml_text, "schema"),
    Format.CSV: Kind("CSV", textual.csv_text, "columns"),
    Format.MARKDOWN: Kind("Markdown", textual.markdown, "sections"),
    Format.PDF: Kind("a PDF", binary.pdf),
    Format.IMAGE: Kind("an image (PNG, JPEG, GIF or WebP)", binary.image),
    Format.OFFICE: Kind("an Office document", binary.office),
    Format.ZIP: Kind("a ZIP archive", binary.zip_archive),
}
OPTIONS = ("schema", "columns", "sections")


def expected(rules: Mapping[str, Any]) -> str:
    """What the format asks, in words: ``is CSV with the columns name, price``."""
    kind = KINDS[Format(rules["format"])]
    asked = rules.get(kind.option) if kind.option else None
    if not asked:
        return f"is {kind.name}"
    told = "as its schema says" if kind.option == "schema" else f"with the {kind.option} {', '.join(asked)}"
    return f"is {kind.name} {told}"
