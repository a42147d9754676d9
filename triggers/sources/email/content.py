"""The readable text and the list of attachments of a mail. Pure; never raises; bounded in parts, depth and time.

The standard library's parser recurses and looks for every enclosing boundary at every line; here each level is searched
once, in the one buffer.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from typing import NamedTuple

from triggers.sources.email import html
from triggers.sources.email.charsets import decode, from_base64
from triggers.sources.email.headers import Fields, decoded_words, end_of_header
from triggers.sources.text import clean, clean_line

MOST_PARTS = 200
DEEPEST = 20
LONGEST_TEXT = 256 * 1024
MOST_ATTACHMENTS = 50

# Four bytes a letter, a third more for base64, line ends: beyond this nothing would be kept.
_MOST_ENCODED = LONGEST_TEXT * 6
_LARGEST_BLOCK = 16 * 1024
_LONGEST_PARAMETERS = 2_000
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,100}")


class Attachment(NamedTuple):
    """A part that is not read: its name, declared type and size in the mail in bytes."""

    name: str
    type: str
    size: int


@dataclass
class Content:
    """``is_cut``: there was more than is read of one mail."""

    text: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    is_cut: bool = False


class _Part(NamedTuple):
    fields: Fields
    type: str
    start: int
    end: int


def read(raw: bytes) -> Content:
    """What a person would read of a mail."""
    walk = _Walk(raw)
    parts = list(walk.parts())
    content = Content(is_cut=walk.is_cut)
    plain: list[str] = []
    marked_up: list[str] = []
    for part in parts:
        name = _file_name(part.fields)
        is_file = part.fields.plain("content-disposition").lower().startswith("attachment") or bool(name)
        if part.type == "text/plain" and not is_file:
            plain.append(_text(raw, part))
        elif part.type == "text/html" and not is_file:
            marked_up.append(_text(raw, part))
        elif len(content.attachments) < MOST_ATTACHMENTS:
            content.attachments.append(Attachment(name, part.type, part.end - part.start))
        else:
            content.is_cut = True
    text = "\n\n".join(plain)
    if not text.strip() and marked_up:
        text = html.text_of("\n".join(marked_up)[: LONGEST_TEXT * 4], LONGEST_TEXT)
    content.is_cut = content.is_cut or len(text) > LONGEST_TEXT
    content.text = clean(text, LONGEST_TEXT).strip()
    return content


class _Walk:
    """Goes through the parts of a mail in order, down to DEEPEST, at most MOST_PARTS of them."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._left = MOST_PARTS
        self.is_cut = False

    def parts(self) -> Iterator[_Part]:
        """The parts that hold something themselves."""
        waiting = [(0, len(self._raw), 0)]
        while waiting:
            start, end, depth = waiting.pop()
            if not self._left:
                self.is_cut = True
                return
            self._left -= 1
            head, body = end_of_header(self._raw, start, end)
            fields = Fields(self._raw[start : min(head, start + _LARGEST_BLOCK)])
            kind, boundary = _type_of(fields)
            if not (kind.startswith("multipart/") and boundary):
                yield _Part(fields, kind, body, end)
            elif depth == DEEPEST:
                self.is_cut = True
            else:
                inside = [(first, last, depth + 1) for first, last in self._split(body, end, boundary)]
                waiting.extend(reversed(inside))

    def _split(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
        """(start, end) of each part between the delimiter lines; the last one may lack its closing line."""
        # In one expression, not in a loop: a mail may hold millions of lines that begin like a delimiter.
        delimiter = re.compile(rb"^--" + re.escape(boundary) + rb"(--[^\n]*|[ \t\r]*)$", re.MULTILINE)
        opened, count = -1, 0
        for found in delimiter.finditer(self._raw, start, end):
            if opened >= 0:
                yield opened, _before_line_end(self._raw, opened, found.start())
                count += 1
            is_last = found.group(1).startswith(b"--")
            if is_last or count >= MOST_PARTS:
                self.is_cut = self.is_cut or not is_last
                return
            opened = min(found.end() + 1, end)
        if opened >= 0:
            yield opened, end


def _before_line_end(raw: bytes, start: int, at: int) -> int:
    """A delimiter's own line end is not part of the content before it."""
    if at > start and raw[at - 1] == 0x0A:
        at -= 1
        if at > start and raw[at - 1] == 0x0D:
            at -= 1
    return at


def _type_of(fields: Fields) -> tuple[str, bytes]:
    """(type, boundary) that a part declares; text/plain where it declares nothing usable."""
    declared = fields.plain("content-type")
    kind = declared.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(kind):
        return "text/plain", b""
    boundary = _parameter(declared, "boundary") if kind.startswith("multipart/") else ""
    return kind, boundary.rstrip().encode("utf-8", "surrogateescape")[:200]


def _parameter(value: str, name: str) -> str:
    """A parameter of a structured field, RFC 2231's forms included; empty where there is none."""
    holder = Message()
    try:
        holder["X"] = value[:_LONGEST_PARAMETERS]
        found = holder.get_param(name, "", header="X")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    if isinstance(found, tuple):
        charset, _, text = found
        return decode(text.encode("latin-1", "replace"), charset or "")
    return decoded_words(found)


def _file_name(fields: Fields) -> str:
    found = _parameter(fields.plain("content-disposition"), "filename")
    return clean_line(found or _parameter(fields.plain("content-type"), "name"), 200)


def _text(raw: bytes, part: _Part) -> str:
    """The text of a part, at most as much as is kept."""
    body = raw[part.start : min(part.end, part.start + _MOST_ENCODED)]
    encoding = part.fields.plain("content-transfer-encoding").strip().lower()
    if encoding == "base64":
        body = from_base64(body)
    elif encoding == "quoted-printable":
        body = binascii.a2b_qp(body)
    return decode(body, _parameter(part.fields.plain("content-type"), "charset"))
