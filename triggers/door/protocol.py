"""uvicorn's HTTP protocol with the patience it lacks: a connection that does not finish its headers is closed.

uvicorn 0.54 closes idle connections between requests but waits for ever for the rest of a half-sent header, and keeps
whatever arrives of it. Its answer to bytes that are no HTTP at all is text; here it is JSON like every other.
"""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from triggers.door.answers import bad_request, raw_answer

HEADER_DEADLINE_S = 10.0
MOST_HEADER_BYTES = 64 * 1024


class PatientProtocol(HttpToolsProtocol):
    """For ``uvicorn.Config(http=PatientProtocol)``: from the first byte of a request (or the connection) to its last
    header at most ``header_deadline_s``, and at most 64 kB.
    """

    header_deadline_s = HEADER_DEADLINE_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timer: TimerHandle | None = None
        self._header_bytes = 0
        self._is_in_body = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        if not self._is_in_body:
            self._await_headers()
            if self._header_bytes > MOST_HEADER_BYTES:
                self._give_up()
                return
            self._header_bytes += len(data)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_are_there()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        # A next header may begin in the very bytes that ended the last request.
        self._await_headers()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._headers_are_there()
        self._is_in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - told to nobody
        """Answer bytes that are no HTTP, in JSON."""
        self._headers_are_there()
        self.transport.write(raw_answer(bad_request()))
        self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        self._headers_are_there()
        super().handle_websocket_upgrade()

    def _await_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_deadline_s, self._give_up)

    def _headers_are_there(self) -> None:
        self._header_bytes = 0
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        self._headers_are_there()
        if not self.transport.is_closing():
            self.transport.close()
