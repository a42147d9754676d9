"""Formats that are not text, by content and never by a name's ending: PDF, images, Office documents, ZIP archives.

What is looked at is whether a file begins, is built and ends as such a file does; nothing is unpacked or drawn.
"""

import io
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

_PDF_HEAD, _PDF_TAIL = 1024, 2048
_OOXML = {
    "word/document.xml": "Word",
    "xl/workbook.xml": "Excel",
    "ppt/presentation.xml": "PowerPoint",
}
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument."


def pdf(body: bytes, _rules: Mapping[str, Any]) -> list[str]:
    """The header in the first kilobyte and the end mark near the end, as readers look for them (ISO 32000-2, 7.5)."""
    if b"%PDF-" not in body[:_PDF_HEAD]:
        return ["it does not begin as a PDF does"]
    return [] if b"%%EOF" in body[-_PDF_TAIL:] else ["it is cut off: it does not end as a PDF does"]


def image(body: bytes, _rules: Mapping[str, Any]) -> list[str]:
    """PNG, JPEG, GIF or WebP, with a size of its own and an end."""
    for begins, check in _IMAGES:
        if body.startswith(begins):
            return check(body)
    return ["it is neither PNG nor JPEG, GIF or WebP"]


def zip_archive(body: bytes, _rules: Mapping[str, Any]) -> list[str]:
    """A directory that can be read, with at least one file."""
    found = _names(body)
    if found is None:
        return ["it is no ZIP archive, or is cut off"]
    return [] if any(not name.endswith("/") for name in found) else ["it is an archive without a file"]


def office(body: bytes, _rules: Mapping[str, Any]) -> list[str]:
    """A Word, Excel or PowerPoint document (ISO/IEC 29500-2), or an OpenDocument one (ODF 1.3 part 2, 2.4)."""
    found = _names(body)
    if found is None:
        return ["it is no Office document, or is cut off"]
    if "[Content_Types].xml" in found and not _OOXML.keys().isdisjoint(found):
        return []
    if "mimetype" in found and _mimetype(body).startswith(_OPEN_DOCUMENT):
        return []
    return ["it is an archive, but no Office document"]


def _names(body: bytes) -> set[str] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error, UnicodeDecodeError):
        return None


def _mimetype(body: bytes) -> bytes:
    """An OpenDocument's own word of its kind; it is stored, not packed, so nothing swells."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            if archive.getinfo("mimetype").compress_type != zipfile.ZIP_STORED:
                return b""
            with archive.open("mimetype") as file:
                return file.read(100)
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, NotImplementedError, struct.error):
        return b""


def _png(body: bytes) -> list[str]:
    """A header chunk with a size, and the end chunk (PNG 3rd edition, 5)."""
    width, height = struct.unpack(">II", body[16:24]) if body[12:16] == b"IHDR" and len(body) >= 24 else (0, 0)
    return _ends(b"IEND\xaeB`\x82" in body[-64:], width, height)


def _jpeg(body: bytes) -> list[str]:
    """An end mark (ITU-T T.81, B.1); the size stands in a frame that lies anywhere."""
    return _ends(b"\xff\xd9" in body[-64:], 1, 1)


def _gif(body: bytes) -> list[str]:
    """A logical screen and the trailer (GIF89a)."""
    width, height = struct.unpack("<HH", body[6:10]) if len(body) >= 10 else (0, 0)
    return _ends(body.rstrip(b"\0").endswith(b";"), width, height)


def _webp(body: bytes) -> list[str]:
    """A RIFF of its own length (RFC 9649, 2.4)."""
    if body[8:12] != b"WEBP":
        return ["it is neither PNG nor JPEG, GIF or WebP"]
    return _ends(len(body) >= 8 + int.from_bytes(body[4:8], "little"), 1, 1)


def _ends(has_end: bool, width: int, height: int) -> list[str]:
    if not (width and height):
        return ["it is an image without a size"]
    return [] if has_end else ["it is cut off: the image has no end"]


_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
)
