"""The standard library's IMAP client within limits: the judged address, checked certificates, sizes and time.

On its own it checks no certificate unless told to, believes any size that a server declares, and bounds each single
read but not the whole, so that one byte every few seconds would hold it for ever.
"""

import imaplib
import ssl
import time
from io import BufferedReader

from dct_site.kernel.outbound import Pinned
from triggers.sources.email.parse import LARGEST
from triggers.sources.email.settings import Security

CONNECT_S = 10.0
READ_S = 20.0

_LONGEST_LINE = 8 * 1024 * 1024


class Client(imaplib.IMAP4):
    """An IMAP client on the judged address whose reads end, together, at ``until`` (monotonic time)."""

    def __init__(self, place: Pinned, security: Security, until: float) -> None:
        self._place = place
        self._tls = ssl.create_default_context() if security != Security.PLAIN else None
        self._is_tls_first = security == Security.SSL
        self._until = until
        self._reader: BufferedReader | None = None
        self._read_from: object = None
        super().__init__(place.host, place.port, CONNECT_S)
        if security == Security.STARTTLS:
            try:
                self.starttls(self._tls)
            except BaseException:
                self.shutdown()
                raise

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        self.host, self.port = host, port
        sock = self._place.connect(timeout or CONNECT_S)
        try:
            if self._tls is not None and self._is_tls_first:
                sock = self._tls.wrap_socket(sock, server_hostname=self._place.host)
        except BaseException:
            sock.close()
            raise
        self.sock = sock

    def read(self, size: int) -> bytes:
        if size > LARGEST + 1024:
            raise self.abort(f"a piece of {size} bytes is more than anybody asked for")
        parts, left = [], size
        while left:
            piece = self._more(min(left, 1 << 16))
            if not piece:
                break
            parts.append(piece)
            left -= len(piece)
        return b"".join(parts)

    def readline(self) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n") and len(line) <= _LONGEST_LINE:
            piece = self._more(1 << 16, stop_at_line_end=True)
            if not piece:
                break
            line += piece
        return bytes(line)

    def shutdown(self) -> None:
        """Close the connection; more than once does no harm."""
        if self._reader is not None:
            self._reader.close()
        self.sock.close()

    def _more(self, most: int, *, stop_at_line_end: bool = False) -> bytes:
        """What has arrived by now, at most ``most`` bytes; waits for one byte within both limits of time."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the whole took too long")
        self.sock.settimeout(min(READ_S, left))
        # After STARTTLS there is a new socket; what came in clear text before it must not be taken for its answer.
        if self._reader is None or self._read_from is not self.sock:
            self._reader, self._read_from = self.sock.makefile("rb"), self.sock
        waiting = self._reader.peek(1)[:most]
        if stop_at_line_end:
            waiting = waiting[: waiting.find(b"\n") + 1] or waiting
        return self._reader.read(len(waiting)) if waiting else b""
