"""Patterns that users write, on google-re2: linear in the text, unlike Python's `re`, which a pattern can hang.

The price is that lookahead, lookbehind and backreferences do not exist; the error says so.
"""

from __future__ import annotations

import string
from functools import lru_cache

import re2

MAX_PATTERN_CHARACTERS = 500
MAX_INPUT_BYTES = 256 * 1024
# RE2 is linear in text times program. A pattern of 500 characters can unfold into 200,000 instructions (\pL{200});
# two Unicode classes are about 2,400.
MAX_PROGRAM = 2_500
_MAX_MEMORY_BYTES = 4 * 1024 * 1024

_LOOK_AROUND = ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?P=")


class PatternError(ValueError):
    """The pattern cannot be used; the message is one sentence that says why."""


class TextTooLong(ValueError):
    """The text is over the cap, so nobody can tell whether the pattern is in it."""


@lru_cache(maxsize=256)
def compiled(pattern: str, *, case_sensitive: bool) -> re2._Regexp:
    """The compiled pattern; `.` also matches line ends. Raises PatternError."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"has {len(pattern)} characters; at most {MAX_PATTERN_CHARACTERS} are allowed.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    options.never_capture = True
    options.dot_nl = True
    options.case_sensitive = case_sensitive
    try:
        expression = re2.compile(pattern.encode(), options)
    except UnicodeEncodeError as wrong:
        raise PatternError("holds half of a character (a lone surrogate).") from wrong
    except re2.error as wrong:
        raise PatternError(_reason(pattern, wrong)) from wrong
    if expression.programsize > MAX_PROGRAM:
        raise PatternError("unfolds into too many steps; use smaller repeat counts such as {1,20}, or * and +.")
    return expression


def found(pattern: str, text: str, *, case_sensitive: bool) -> bool:
    """Whether the pattern occurs in the text. Raises PatternError, TextTooLong."""
    return compiled(pattern, case_sensitive=case_sensitive).search(_bytes(text)) is not None


def glob_matches(glob: str, text: str, *, case_sensitive: bool) -> bool:
    """Whether the whole text fits the glob: `*` is any run of characters, `?` is one. Raises PatternError, TextTooLong.

    `fnmatch` is not used: it builds a pattern for Python's `re`.
    """
    return compiled(_from_glob(glob), case_sensitive=case_sensitive).fullmatch(_bytes(text)) is not None


def check_pattern(pattern: str) -> None:
    """Raises PatternError when the pattern cannot be used."""
    compiled(pattern, case_sensitive=False)


def check_glob(glob: str) -> None:
    """Raises PatternError when the glob cannot be used."""
    compiled(_from_glob(glob), case_sensitive=False)


def _from_glob(glob: str) -> str:
    wild = {"*": ".*", "?": "."}
    return "".join(wild.get(character) or _literal(character) for character in glob)


def _literal(character: str) -> str:
    return f"\\{character}" if character in string.punctuation else character


def _bytes(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if len(raw) > MAX_INPUT_BYTES:
        raise TextTooLong(f"has {len(raw)} bytes; patterns are tried on at most {MAX_INPUT_BYTES}")
    return raw


def _reason(pattern: str, wrong: re2.error) -> str:
    said = wrong.args[0]
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if any(mark in pattern for mark in _LOOK_AROUND) or any(f"\\{digit}" in pattern for digit in range(1, 10)):
        return f"uses lookahead, lookbehind or a backreference, which do not exist here (RE2 says: {words})."
    return f"is not a valid RE2 pattern: {words}."
