"""The door's answers: JSON for what was accepted, problem+json (RFC 9457) for everything else."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
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


def overloaded() -> Problem:
    detail = "DCT has more to do than it can: send it again later."
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, leaves_a_body=True, retry_after="30", connection="close"
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender is told, before it is anybody's protocol. ``leaves_a_body`` as of Problem."""

    status: int
    kind: bytes
    body: bytes
    more: Headers = field(default_factory=list)
    leaves_a_body: bool = False

    @property
    def headers(self) -> Headers:
        """All of them but for the date."""
        return [
            (b"content-type", self.kind),
            (b"content-length", b"%d" % len(self.body)),
            (b"x-content-type-options", b"nosniff"),
            *self.more,
        ]

    @property
    def closes(self) -> bool:
        """Whether the connection ends with it."""
        return (b"connection", b"close") in self.more


def accepted(delivery_id: int, duplicate: bool) -> Answer:
    """202 with the delivery's id."""
    body = b'{"delivery": %d, "duplicate": %s}' % (delivery_id, b"true" if duplicate else b"false")
    return Answer(202, b"application/json", body)


def answer_to(problem: Problem) -> Answer:
    """A problem as RFC 9457 has it."""
    return Answer(
        problem.status.value, b"application/problem+json", problem.body(), problem.headers, problem.leaves_a_body
    )


async def send(answer: Answer, to: Send) -> None:
    """Give an answer to an ASGI server."""
    await to({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await to({"type": "http.response.body", "body": answer.body})


def on_the_wire(answer: Answer, more: Headers) -> bytes:
    """An answer as HTTP/1.1 writes it, with ``more`` headers beside its own."""
    head = _head(answer.status, answer.kind, (*more, *answer.more))
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(answer.body), answer.body)


@lru_cache(maxsize=256)
def _head(status: int, kind: bytes, more: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """An answer's head but for its length: with the date among ``more``, it is the same for a second."""
    lines = [(b"content-type", kind), (b"x-content-type-options", b"nosniff"), *more]
    return b"HTTP/1.1 %d %b\r\n" % (status, _PHRASES[status]) + b"".join([b"%b: %b\r\n" % line for line in lines])


_PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}
