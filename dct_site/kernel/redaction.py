"""Takes out what smells of a secret, before anything is kept or logged."""

import re
from collections.abc import Mapping
from typing import Any

REDACTED = "•••"
_SECRET_WORDS = ("secret", "password", "token", "api_key", "apikey", "authorization", "credential", "private_key")
_IN_TEXT = re.compile(
    r"""(?P<before>
        ://[^\s:/@]*:(?=[^\s/@]+@)                                          # a password in an address
        | \b(?:Bearer|Basic)\s+                                             # what a header carries
        | \b[\w-]{0,40}(?:password|secret|api_?key|token)[\w-]{0,40}["']?\s*[=:]\s*["']?  # password=…, "api_key": "…"
    )(?P<secret>[^\s@,;"'&)}]+)""",
    re.IGNORECASE | re.VERBOSE,
)


def redact(value: Any, *, name: str = "") -> Any:
    """``value`` with everything below a name that smells of a secret replaced."""
    if name and any(word in name.lower() for word in _SECRET_WORDS) and value not in (None, "", [], {}):
        return REDACTED
    if isinstance(value, Mapping):
        return {str(key): redact(inner, name=str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner, name=name) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def scrub(text: str) -> str:
    """``text`` without passwords in addresses, bearer tokens, and what follows a name that smells of a secret."""
    return _IN_TEXT.sub(rf"\g<before>{REDACTED}", text)
