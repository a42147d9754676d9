"""The shim's channel of newline-JSON frames, by the interpreter's own C parts without importing `json`.

`json` pulls in `re` and `enum`, 8 ms at each start of a run; the C scanner and encoder behind it are the same code.
"""

from __future__ import annotations

import os
from _json import encode_basestring, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Frame = dict[str, Any]


CHUNK = 65_536
OUTBOX_FULL = 262_144  # bytes
INBOX_FULL = 64 * 1024 * 1024


class BrokenFrame(Exception):
    """What came over the channel is not a JSON object."""


class SupervisorGone(Exception):
    """The other end of the channel is closed, or talks nonsense."""


class Channel:
    """The shim's end of the socket: whole frames in, frames out without ever waiting for the reader."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)  # a program that holds it would keep the supervisor's end-of-file from us
        os.set_blocking(fd, False)
        self.fd = fd
        self._inbox = bytearray()
        self._outbox = bytearray()

    @property
    def is_full(self) -> bool:
        """Whether the supervisor is so far behind that the program has to wait for it."""
        return len(self._outbox) > OUTBOX_FULL

    @property
    def has_more(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._outbox)

    def read(self) -> list[Frame]:
        """The frames that have arrived. Raises SupervisorGone at the end of the channel."""
        try:
            chunk = os.read(self.fd, CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        self._inbox += chunk
        if not chunk or len(self._inbox) > INBOX_FULL:
            raise SupervisorGone
        if b"\n" not in chunk:
            return []
        *lines, rest = bytes(self._inbox).split(b"\n")
        self._inbox = bytearray(rest)
        try:
            return [decode(line) for line in lines]
        except BrokenFrame:
            raise SupervisorGone from None

    def tell(self, frame: Mapping[str, str | int | float | bool | None]) -> None:
        """Queue a frame; `flush` sends it."""
        self._outbox += encode(frame)

    def flush(self) -> bool:
        """Send what the socket takes now; True when anything went. Raises SupervisorGone."""
        before = len(self._outbox)
        try:
            while self._outbox:
                del self._outbox[: os.write(self.fd, self._outbox[:CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            raise SupervisorGone from None
        return len(self._outbox) < before


class _Reading:
    """The settings that the C scanner asks for."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


_scan = make_scanner(_Reading())  # type: ignore[arg-type] # typeshed names the scanner itself; it takes any such object


def decode(line: bytes) -> Frame:
    """One frame as a dictionary. Raises BrokenFrame."""
    text = line.decode("utf-8", "surrogateescape").strip()
    try:
        frame, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError) as refused:
        raise BrokenFrame(str(refused)) from None
    if end != len(text) or not isinstance(frame, dict):
        raise BrokenFrame("not one JSON object")
    return frame


def encode(frame: Mapping[str, str | int | float | bool | None]) -> bytes:
    """A flat frame as one line of UTF-8. Values are texts, numbers, booleans and None."""
    parts = (encode_basestring(name) + ":" + _encode_value(value) for name, value in frame.items())
    return ("{" + ",".join(parts) + "}\n").encode("utf-8", "replace")


def _encode_value(value: str | int | float | bool | None) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
