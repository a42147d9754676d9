"""Django's part of web, behind a gate: however many pages are asked for, a few at a time are made.

Django gives each request a thread. With 200 requests at once as many threads wanted Python's lock, and the event loop,
with the door on it, had its turn after theirs: good webhooks waited for 8 s. Bodies are read before the gate and
answers sent behind it, so that whoever is slow holds no place.
"""

import asyncio
from http import HTTPStatus

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

AT_ONCE = 4
MOST_WAITING = 256
COUNTS_FOR_S = 2.0
"""What takes longer waits for somebody outside (a mail server that is tried), and keeps no page waiting for that."""


class GatedHandler(ASGIHandler):
    """As Django's own, in the order of arrival; beyond ``most_waiting`` before the gate it answers 503."""

    def __init__(
        self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING, counts_for_s: float = COUNTS_FOR_S
    ) -> None:
        super().__init__()
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._counts_for_s = counts_for_s
        self._inside = 0
        self._waiting: dict[asyncio.Future[None], None] = {}

    async def run_get_response(self, request: HttpRequest) -> HttpResponseBase:
        if self._inside < self._at_once:
            self._inside += 1
        elif len(self._waiting) < self._most_waiting:
            await self._turn()
        else:
            return _busy()
        has_left = False

        def leave() -> None:
            nonlocal has_left
            if not has_left:
                has_left = True
                self._pass_on()

        timer = asyncio.get_running_loop().call_later(self._counts_for_s, leave)
        try:
            return await super().run_get_response(request)
        finally:
            timer.cancel()
            leave()

    async def _turn(self) -> None:
        """Wait until somebody passes a place on; who goes away meanwhile leaves it to the next."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise
        finally:
            self._waiting.pop(turn, None)

    def _pass_on(self) -> None:
        while self._waiting:
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            if not turn.done():
                turn.set_result(None)
                return
        self._inside -= 1


def _busy() -> HttpResponse:
    told = "Too many pages are asked for at once. Try again in a moment.\n"
    status, headers = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "1"}
    return HttpResponse(told, status=status, content_type="text/plain; charset=utf-8", headers=headers)
