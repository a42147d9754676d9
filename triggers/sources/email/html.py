"""Readable text out of HTML. Pure; never raises; linear time: the standard library's parser is quadratic on some."""

import html
import re

MOST_PIECES = 200_000
"""Tags and stretches of text that are looked at; a mail that people wrote has a few thousand."""

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]{0,20})")
_SKIPPED = frozenset(
    {"script", "style", "head", "title", "template", "noscript", "svg", "textarea", "select", "object"}
)
_BREAKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figure", "footer",
        "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section",
        "table", "td", "th", "tr", "ul",
    }
)  # fmt: skip
_ENDLESS_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
_LINES = re.compile(r" ?\n[ \n]*")


def text_of(source: str, longest: int) -> str:
    """The text that a reader would see, at most ``longest`` characters; comments, scripts and styles left out."""
    kept: list[str] = []
    size, at, lowered = 0, 0, source.lower()
    # Lower case may be longer than what it came from; then tags that skip are looked for as they are written.
    lowered = lowered if len(lowered) == len(source) else source
    for _ in range(MOST_PIECES):
        if at >= len(source) or size >= longest * 2:
            break
        opened = source.find("<", at)
        if opened < 0:
            opened = len(source)
        if opened > at:
            kept.append(source[at:opened].replace("\n", " "))
            size += opened - at
        if opened == len(source):
            break
        at = _after_tag(source, lowered, opened, kept)
    plain = html.unescape(_ENDLESS_NUMBER.sub("", "".join(kept)[: longest * 4]))
    return _LINES.sub("\n", _SPACES.sub(" ", plain)).strip()[:longest]


def _after_tag(source: str, lowered: str, opened: int, kept: list[str]) -> int:
    """Where to go on behind what begins at ``opened``; notes a line break where it makes one."""
    if source.startswith("<!--", opened):
        return _behind(source, "-->", opened + 4)
    name = _NAME.match(source, opened + 1)
    if name is None and source[opened + 1 : opened + 2] not in {"!", "?", "/"}:
        kept.append("<")
        return opened + 1
    tag = name.group(1).lower() if name else ""
    if tag in _BREAKS:
        kept.append("\n")
    after = _behind(source, ">", opened)
    if tag in _SKIPPED and source[opened + 1] != "/" and source[after - 2 : after - 1] != "/":
        closing = lowered.find(f"</{tag}", after)
        return len(source) if closing < 0 else _behind(source, ">", closing)
    return after


def _behind(source: str, end: str, start: int) -> int:
    found = source.find(end, start)
    return len(source) if found < 0 else found + len(end)
