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
_ASCII_UNSEEN = {number: None for number in range(128) if _UNSEEN.match(chr(number))}
_SHORT = 500
"""Up to here it is quicker to ask whether everything can be seen; a long text is translated sooner."""
_MENTION = re.compile(r"@([A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9][\w.-]{0,99})?)")
_NO_MENTION_AFTER = re.compile(r"[\w@./`-]")
_MOST_MENTIONS = 50


def clean(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Visible text of at most ``longest`` characters, with line breaks as \\n; empty where ``value`` is no text."""
    if not isinstance(value, str):
        return ""
    text = value[: longest * 2]
    if text.isascii():  # most are, and Python translates them five times as fast as it searches
        if len(text) <= _SHORT and text.isprintable():
            return text[:longest]
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text.translate(_ASCII_UNSEEN)[:longest]
    return _UNSEEN.sub("", _LINE_END.sub("\n", text))[:longest]


def clean_line(value: Any, longest: int = LONGEST_TITLE) -> str:
    """As ``clean``, on one line."""
    return " ".join(clean(value, longest * 2).split())[:longest]


def mentions(text: str) -> list[str]:
    """The names behind an @ in a text, each once, in order, without the @; mail addresses are none."""
    found = (
        # Asked of each @ that was found: a pattern that begins by looking back is tried at every character.
        match[1].rstrip("-.")
        for match in _MENTION.finditer(text)
        if not match.start() or not _NO_MENTION_AFTER.match(text[match.start() - 1])
    )
    return list(dict.fromkeys(found))[:_MOST_MENTIONS]
