"""The rules of a deliverable as the editor's fields show them, and as the document says them."""

import json
from collections.abc import Mapping
from typing import Any

from dct_site.kernel import safe_json
from dct_site.kernel.safe_json import UnsafeJson
from deliverables.rules.formats import KINDS
from triggers.documents.shape import MAX_DOCUMENT_BYTES

NAMES = ("columns", "sections")
PATTERNS = ("pattern", "forbidden_pattern")


def shown(rules: Mapping[str, Any]) -> dict[str, Any]:
    """{field: what it shows}: names with commas between them, or as JSON where one holds a comma; a schema as JSON."""
    found = dict(rules)
    for name in NAMES:
        value = rules.get(name)
        if isinstance(value, list):
            words = [str(one) for one in value]
            is_plain = all(word == word.strip() and "," not in word and not word.startswith("[") for word in words)
            found[name] = ", ".join(words) if is_plain else json.dumps(value, ensure_ascii=False)
    if "schema" in rules:
        found["schema"] = json.dumps(rules["schema"], ensure_ascii=False, indent=2)
    return found


def said(posted: Mapping[str, str], row: str) -> dict[str, Any]:
    """The rules that the fields of a row say; of the options only the one of the format that is chosen. Raises
    UnsafeJson for a schema that is no JSON.
    """
    found: dict[str, Any] = {name: posted.get(f"{row}{name}", "") for name in (*PATTERNS, "format")}
    option = next((kind.option for one, kind in KINDS.items() if one == found["format"]), "")
    if option and (text := posted.get(f"{row}{option}", "").strip()):
        found[option] = _names(text) if option in NAMES else _json(text)
    return {name: value for name, value in found.items() if value}


def _names(text: str) -> Any:
    if text.startswith("["):
        try:
            return _json(text)
        except UnsafeJson:
            pass  # a name that begins with a bracket
    return [name.strip() for name in text.split(",") if name.strip()]


def _json(text: str) -> Any:
    return safe_json.loads(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_DOCUMENT_BYTES)
