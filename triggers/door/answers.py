"""The door's answers: JSON for what was accepted, problem+json (RFC 9457) for everything else."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Headers = list[tuple[bytes, bytes]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Problem(Exception):
    """An answer other than 202. ``code`` is a stable word, ``detail`` says what to do, ``headers`` go with it;
    ``leaves_a_body`` where it is given while the sender may still be sending.
    """

    def __init__(
        self, status: HTTPStatus, code: str, detail: str, *, leaves_a_body: bool = False, **headers: str
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.leaves_a_body = leaves_a_body
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    def body(self) -> bytes:
        told: dict[str, object] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "code": self.code,
            "detail": self.detail,
            "errors": [],
        }
        return json.dumps(told).encode()


def not_found() -> Problem:
    """Unknown and disabled endpoints answer alike, so that paths cannot be probed."""
    return Problem(HTTPStatus.NOT_FOUND, "not_found", "There is no webhook at this address.")


def bad_request() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "not_http", "This is not an HTTP request.", connection="close")


def unavailable(detail: str = "The delivery could not be stored. Send it again later.") -> Problem:
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, retry_after="5")


def wrong_key() -> Problem:
    """Not 401: the sender may have signed well, and should try again when the key is back."""
    detail = "This webhook's secret cannot be read: put its key back into DCT_ENCRYPTION_KEYS, then send it again."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "wrong_key", detail, retry_after="60")


def disk_full() -> Problem:
    detail = "The disk is full: free some space, then send it again."
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "disk_full", detail, leaves_a_body=True, retry_after="60", connection="close"
    )


async def send_accepted(send: Send, delivery_id: int, duplicate: bool) -> None:
    """202 with the delivery's id."""
    body = b'{"delivery": %d, "duplicate": %s}' % (delivery_id, b"true" if duplicate else b"false")
    await _send(send, HTTPStatus.ACCEPTED, b"application/json", body, [])


async def send_problem(send: Send, problem: Problem) -> None:
    await _send(send, problem.status, b"application/problem+json", problem.body(), problem.headers)


def raw_answer(problem: Problem) -> bytes:
    """A problem as bytes on the wire, where there is no ASGI yet."""
    body = problem.body()
    lines = [b"HTTP/1.1 %d %s" % (problem.status.value, problem.status.phrase.encode())]
    lines += [b": ".join(header) for header in _headers(b"application/problem+json", body, problem.headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def _send(send: Send, status: HTTPStatus, kind: bytes, body: bytes, more: Headers) -> None:
    await send({"type": "http.response.start", "status": status.value, "headers": _headers(kind, body, more)})
    await send({"type": "http.response.body", "body": body})


def _headers(kind: bytes, body: bytes, more: Headers) -> Headers:
    return [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        *more,
    ]
