"""Webhooks without ASGI in between: a request that is there to its end when it is first looked at (as nearly all are)
goes from the parser to the door, and its answer goes out in one piece.

uvicorn's way has a scope, a cycle, a task and two writes for each request, a twelfth of what a delivery cost. Whatever
is not as plain as that – a body that is still on its way, another method or version of HTTP, requests in a row on one
connection – goes that way, and meets the same door there.
"""

from asyncio import TimerHandle
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from triggers.door.answers import Answer, on_the_wire
from triggers.door.app import PREFIX, Door
from triggers.door.protocol import PatientProtocol

Result = TypeVar("Result")
_PREFIX = PREFIX.encode()


class Exchange:
    """One request and its answer, as far as uvicorn's protocol asks about them (there: RequestResponseCycle)."""

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = self

    def set(self) -> None:
        """Nobody waits for more of this request."""


class StraightProtocol(PatientProtocol):
    """For ``uvicorn.Config(http=partial(StraightProtocol, door=...))``; the application behind it has the same door."""

    def __init__(self, *args: Any, door: Door, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._door = door
        self._parts: list[bytes] | None = None
        self._idle_timer: TimerHandle | None = None
        self._idle_since = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        self._await_no_other()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        self._await_no_other()
        super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._parts is not None:
            self._take_the_long_way(len(data))

    def on_message_begin(self) -> None:
        """As uvicorn's, but for the scope: that is made for who takes the long way."""
        self._is_in_header = True
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        if self._is_plain():
            self._headers_are_there()
            self._parts = []
        else:
            self._begin_the_long_way()

    def on_body(self, body: bytes) -> None:
        if self._parts is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._parts is None:
            super().on_message_complete()
            return
        parts, self._parts = self._parts, None
        exchange = Exchange(keep_alive=self.parser.should_keep_alive())
        self.cycle = exchange  # type: ignore[assignment] # as much of one as is asked for
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        answering = self._door.answer_whole(self.url.decode("ascii"), self.headers, body)
        begin(answering, lambda answer: self._tell(exchange, answer))

    def _is_plain(self) -> bool:
        return (
            self.url.startswith(_PREFIX)
            and b"?" not in self.url
            and b"%" not in self.url
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
            and (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr] # None at first
        )

    def _take_the_long_way(self, count: int) -> None:
        """The body goes on: from here it is uvicorn's request like any other."""
        parts, self._parts = self._parts or [], None
        if self.transport.is_closing():
            return
        self._begin_the_long_way()
        for part in parts:
            super().on_body(part)
        self._keep_pace(count)

    def _begin_the_long_way(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # the scope's own list
        super().on_headers_complete()

    def _tell(self, exchange: Exchange, answer: Answer) -> None:
        exchange.response_complete = True
        if exchange.disconnected or self.transport.is_closing():
            return
        more = self.server_state.default_headers
        if not exchange.keep_alive and not answer.closes:
            more = [*more, (b"connection", b"close")]
        self.transport.write(on_the_wire(answer, more))
        if answer.closes or not exchange.keep_alive:
            self.transport.close()
        if self.pipeline or self.transport.is_closing():
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._await_another()

    def _await_another(self) -> None:
        """One timer for as long as the connection is used: to set one for each request cost more than to read it."""
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)

    def _look_whether_idle(self) -> None:
        self._idle_timer = None
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._is_in_header or self._is_in_body or not self.cycle.response_complete:
            return  # its end sets the next one
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._look_whether_idle)
        else:
            self.timeout_keep_alive_handler()

    def _await_no_other(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None


def begin(work: Coroutine[Any, None, Result], done: Callable[[Result], object]) -> None:
    """Run a coroutine that lets nothing out but its result as far as it goes at once, the rest when what it waits for
    is there. It is an eager task (Python 3.12 has them) without a name, a context and a place in the loop's queue.
    """

    def step(_: object = None) -> None:
        try:
            awaited = work.send(None)
        except StopIteration as ended:
            done(ended.value)
        else:
            awaited._asyncio_future_blocking = False  # as a task tells a future that it has seen it
            awaited.add_done_callback(step)

    step()
