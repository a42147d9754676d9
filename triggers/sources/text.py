"""Text from outside, made fit to be shown and searched: what cannot be seen cannot hide instructions.

Removed are control characters, zero-width and bidirectional marks and Unicode tag characters; the raw bytes stay in the
delivery.
"""

import re
from typing import Any

LONGEST_TEXT = 100_000
LONGEST_TITLE = 300

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
_LINE_END = re.compile("\r\n?|\u2028|\u2029")
_MENTION = re.compile(r"(?<![\w@./`-])@([A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9][\w.-]{0,99})?)")
_MOST_MENTIONS = 50


def clean(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Visible text of at most ``longest`` characters, with line breaks as \\n; empty where ``value`` is no text."""
    return _UNSEEN.sub("", _LINE_END.sub("\n", value[: longest * 2]))[:longest] if isinstance(value, str) else ""


def clean_line(value: Any, longest: int = LONGEST_TITLE) -> str:
    """As ``clean``, on one line."""
    return " ".join(clean(value, longest * 2).split())[:longest]


def mentions(text: str) -> list[str]:
    """The names behind an @ in a text, each once, in order, without the @; mail addresses are none."""
    return list(dict.fromkeys(found.rstrip("-.") for found in _MENTION.findall(text)))[:_MOST_MENTIONS]
