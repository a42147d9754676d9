"""uvicorn's HTTP protocol with an end to its patience: whoever is slow with a header, a body or reading is cut off.

uvicorn 0.54 closes idle connections between requests but waits for ever for the rest of a half-sent header (and keeps
whatever arrives of it), of a body, and for a client to read its answer. The door has a time of its own for bodies; this
one is for pages and the API, whose open connections would use up the descriptors that the door needs. Its answer to
bytes that are no HTTP at all is text; here it is JSON like every other.
"""

import socket
from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from triggers.door.answers import answer_to, bad_request, on_the_wire

HEADER_DEADLINE_S = 10.0
MOST_HEADER_BYTES = 64 * 1024
PACE_S, PACE_BYTES = 30.0, 64 * 1024
"""Of a body that comes, so many bytes at least in so many seconds, until it is there."""
MOST_UNSENT_BYTES = 64 * 1024
"""So much of an answer the kernel takes beyond what is on its way. Left to itself it takes all of 230 kB at once, and
copying that for 200 slow readers a second kept webhooks waiting for seconds.
"""
READING_S = 60.0
"""How long an answer waits for its reader."""


class PatientProtocol(HttpToolsProtocol):
    """For ``uvicorn.Config(http=PatientProtocol)``: from the first byte of a request (or the connection) to its last
    header at most ``header_deadline_s``, and at most 64 kB; bodies at ``pace_s`` for each 64 kB; ``reading_s`` for a
    client to take what is sent to it.
    """

    header_deadline_s = HEADER_DEADLINE_S
    pace_s = PACE_S
    reading_s = READING_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timer: TimerHandle | None = None
        self._is_in_header = False
        self._header_bytes = 0
        self._is_in_body = False
        self._body_timer: TimerHandle | None = None
        self._body_bytes = 0
        self._reading_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _keep_little_in_the_kernel(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        if not self._is_in_body:
            if self._header_bytes > MOST_HEADER_BYTES:
                self._give_up()
                return
            self._is_in_header = True
            self._header_bytes += len(data)
        super().data_received(data)
        # What came whole needs no timer.
        if self._is_in_header:
            self._await_headers()
        elif self._is_in_body:
            self._keep_pace(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_are_there()
        self._body_is_there()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._is_read()
        self._reading_timer = self.loop.call_later(self.reading_s, self._hang_up)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._is_read()
        super().resume_writing()

    def on_message_begin(self) -> None:
        # A next header may begin in the very bytes that ended the last request.
        self._is_in_header = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._headers_are_there()
        self._is_in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._body_is_there()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - told to nobody
        """Answer bytes that are no HTTP, in JSON."""
        self._headers_are_there()
        self.transport.write(on_the_wire(answer_to(bad_request()), []))
        self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        self._headers_are_there()
        self._body_is_there()
        super().handle_websocket_upgrade()

    def _await_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_deadline_s, self._give_up)

    def _headers_are_there(self) -> None:
        self._is_in_header = False
        self._header_bytes = 0
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _keep_pace(self, count: int) -> None:
        """Time begins anew with each 64 kB."""
        self._body_bytes += count
        if self._body_timer is not None and self._body_bytes >= PACE_BYTES:
            self._body_timer.cancel()
            self._body_timer = None
        if self._body_timer is None:
            self._body_bytes = 0
            self._body_timer = self.loop.call_later(self.pace_s, self._give_up)

    def _body_is_there(self) -> None:
        self._is_in_body = False
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _is_read(self) -> None:
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None

    def _hang_up(self) -> None:
        """Closing would wait for the reader to take what is left."""
        self._reading_timer = None
        self.transport.abort()

    def _give_up(self) -> None:
        self._headers_are_there()
        if not self.transport.is_closing():
            self.transport.close()


def _keep_little_in_the_kernel(transport: Transport) -> None:
    sock = transport.get_extra_info("socket")
    # Linux has it; elsewhere the kernel's own measure holds.
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT_BYTES)
