"""Header fields of a mail as text, whatever bytes they are made of. Pure; never raises; linear time.

The standard library's header classes raise on some broken fields and take quadratic time on others, so fields are cut
to a length first and read by small rules of this module's own.
"""

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from triggers.sources.email.charsets import decode, from_base64

LARGEST_BLOCK = 256 * 1024
LONGEST_FIELD = 8_000
MOST_LINES = 2_000
MOST_REPEATS = 4
MOST_ADDRESSES = 200

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:[ \t]*(.*)", re.DOTALL)
_LINE = re.compile(rb"\r?\n")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ADDRESS = re.compile(r"[^\s<>()\[\]:;,\"@]{1,200}@[^\s<>()\[\]:;,\"@]{1,200}")
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]{0,2000})\?=")
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,400})>")


class Address(NamedTuple):
    """A mailbox: its address in lower case, and the name in front of it."""

    address: str
    name: str


class Fields:
    """The fields of one header block, by name in lower case, each as often as it was there, first on top."""

    def __init__(self, block: bytes) -> None:
        self._all: list[tuple[str, bytes]] = list(_split(block[:LARGEST_BLOCK]))

    def raw(self, name: str) -> list[bytes]:
        """Every field of this name, unfolded, at most LONGEST_FIELD bytes of each."""
        return [value for known, value in self._all if known == name]

    def plain(self, name: str) -> str:
        """The first field of this name with nothing decoded but its bytes; empty where there is none."""
        return next((decode(value) for value in self.raw(name)), "")

    def every(self, name: str) -> list[str]:
        """As ``plain``, of all fields of this name."""
        return [decode(value) for value in self.raw(name)]

    def text(self, name: str) -> str:
        """The first field of this name with its encoded words decoded; empty where there is none."""
        return decoded_words(self.plain(name))

    def addresses(self, name: str) -> list[Address]:
        """The mailboxes in the fields of this name (there should be one such field)."""
        values = self.every(name)[:MOST_REPEATS]
        return [found for value in values for found in addresses_in(value)][:MOST_ADDRESSES]

    def message_ids(self, name: str) -> list[str]:
        """The message ids in the first field of this name, without their brackets."""
        return _MESSAGE_ID.findall(self.plain(name))


def end_of_header(buffer: bytes, start: int, end: int) -> tuple[int, int]:
    """(where the header block ends, where the body begins) of the entity between ``start`` and ``end``."""
    if buffer.startswith(b"\n", start, end):
        return start, start + 1
    if buffer.startswith(b"\r\n", start, end):
        return start, start + 2
    bare = buffer.find(b"\n\n", start, end)
    found = buffer.find(b"\n\r\n", start, end if bare < 0 else bare)
    if found >= 0:
        return found, found + 3
    return (bare, bare + 2) if bare >= 0 else (end, end)


def decoded_words(value: str) -> str:
    """Text with RFC 2047's encoded words decoded; space between two of them is not part of the text.

    Letters may be split between words of one character set, so those are joined before they are read.
    """
    text, waiting, charset, at = "", b"", "", 0
    for word in _WORD.finditer(value):
        gap, declared = value[at : word.start()], word.group(1).partition("*")[0].lower()
        if gap.strip() or declared != charset or not at:
            text, waiting = text + decode(waiting, charset), b""
            text += gap if gap.strip() or not at else ""
        charset, at = declared, word.end()
        waiting += _unpacked(word.group(2), word.group(3))
    return text + decode(waiting, charset) + value[at:]


def _unpacked(encoding: str, packed: str) -> bytes:
    raw = packed.encode("utf-8", "replace")
    return from_base64(raw) if encoding in "bB" else binascii.a2b_qp(raw, header=True)


def addresses_in(value: str) -> list[Address]:
    """The mailboxes of an address field, in order. Commas in quotes and comments separate nothing."""
    names: list[str] = []

    def put_away(quoted: re.Match[str]) -> str:
        names.append(quoted.group()[1:-1].replace("\\", ""))
        return f"\x00{len(names) - 1}\x00"

    bare = _without_comments(_QUOTED.sub(put_away, value.replace("\x00", "")))
    found = []
    for part in re.split("[,;]", bare)[:MOST_ADDRESSES]:
        name, angle, rest = part.partition("<")
        matched = _ADDRESS.search(rest.partition(">")[0] if angle else part)
        if matched is None:
            continue
        name = re.sub("\x00(\\d+)\x00", lambda hole: names[int(hole.group(1))], name if angle else "")
        found.append(Address(_without_marks(matched.group()).lower(), decoded_words(name.strip())))
    return found


def every_address_in(value: str) -> set[str]:
    """Everything in a field that could be read as an address, names and comments included."""
    return {_without_marks(found).lower() for found in _ADDRESS.findall(decoded_words(value))}


def _without_marks(address: str) -> str:
    return address.replace("\x00", "")


def _without_comments(value: str) -> str:
    depth, kept = 0, []
    for letter in value:
        if letter == "(":
            depth += 1
        elif letter == ")" and depth:
            depth -= 1
        elif not depth:
            kept.append(letter)
    return "".join(kept)


def _split(block: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, value) of each field; a line that is no field and continues none is passed over."""
    name = ""
    parts: list[bytes] = []
    for line in _LINE.split(block, maxsplit=MOST_LINES)[:MOST_LINES]:
        if line[:1] in (b" ", b"\t"):
            parts.append(line.strip())
            continue
        if name:
            yield name, b" ".join(parts)[:LONGEST_FIELD]
        found = _FIELD.match(line)
        name = found.group(1).decode("ascii").lower() if found else ""
        parts = [found.group(2).rstrip()] if found else []
    if name:
        yield name, b" ".join(parts)[:LONGEST_FIELD]
