"""Reading a request: its headers, its body within a size and a time, what is kept of it and its delivery key."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Protocol

from dct_site.kernel import safe_json
from triggers.door.answers import Problem
from triggers.door.endpoints import Endpoint
from triggers.door.limits import Budget
from triggers.door.verify import Headers
from triggers.enums import Verification
from triggers.sources.body import FORM, payload_of_form, value_at

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

REDACTED = "•••"
_REDACTED_JSON = quoted(REDACTED)
_GITHUB_ID = b"x-github-delivery"
LET_PASS_BYTES = 64 * 1024 * 1024
_LONGEST_KEY = 300
_LONGEST_VALUE = 1000
_SHORT_VALUE = 100
_MOST_HEADERS = 64
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SECRET = re.compile(r"authorization|cookie|token|secret|passw|api-?key|credential|session")
_SIGNATURE = re.compile(r"signature|hmac|digest")


class Disconnected(Exception):
    """The client went away; there is nobody to answer."""


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by lower-case name; repeated ones are joined by ", ", as RFC 9110 section 5.3 reads them."""
    found: dict[bytes, bytes] = {}
    for name, value in pairs:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def declared_length(headers: Headers) -> int | None:
    """The declared length of the body in bytes; None where it comes in chunks."""
    value = headers.get(b"content-length", b"")
    return int(value) if value.isdigit() and len(value) < 20 else None


async def read_body(receive: Receive, limit: int, budget: Budget, reserved: int) -> bytes:
    """The raw body. ``reserved`` bytes of the budget are the caller's already; more is taken as it arrives.

    Raises Problem (413, 503) and Disconnected; whatever happens, the bytes taken here are given back.
    """
    parts: list[bytes] = []
    size, taken = 0, 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise too_large(limit)
            if size > reserved + taken:
                if not budget.reserve(size - reserved - taken):
                    raise busy()
                taken = size - reserved
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts) if len(parts) > 1 else part
    finally:
        budget.release(taken)


class Body(Protocol):
    """The body of a request, as it comes."""

    async def read(self, limit: int, budget: Budget, reserved: int, deadline_s: float) -> bytes:
        """As ``read_body``; raises Problem (408) where the body is not there within ``deadline_s``."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One that is there already."""

    raw: bytes

    async def read(self, limit: int, budget: Budget, reserved: int, _deadline_s: float) -> bytes:
        """Nothing to wait for. What was not declared is counted against the budget for the moment it takes to look."""
        if len(self.raw) > limit:
            raise too_large(limit)
        if len(self.raw) > reserved:
            if not budget.reserve(len(self.raw) - reserved):
                raise busy()
            budget.release(len(self.raw) - reserved)
        return self.raw


@dataclass(frozen=True, slots=True)
class Arriving:
    """One that an ASGI server hands over in parts."""

    receive: Receive

    async def read(self, limit: int, budget: Budget, reserved: int, deadline_s: float) -> bytes:
        reading = _Begun(read_body(self.receive, limit, budget, reserved))
        if reading.is_done:
            return reading.result
        try:
            async with asyncio.timeout(deadline_s):
                return await reading
        except TimeoutError:
            raise Problem(
                HTTPStatus.REQUEST_TIMEOUT,
                "too_slow",
                "The body did not arrive in time. Send it again.",
                connection="close",
            ) from None


class _Begun:
    """A reading whose first step is taken at once: most bodies are there already, and need no clock."""

    def __init__(self, reading: Coroutine[Any, Any, bytes]) -> None:
        self.result = b""
        self._reading = reading
        try:
            self._waits_for = reading.send(None)
            self.is_done = False
        except StopIteration as done:
            self.result = done.value
            self.is_done = True

    def __await__(self) -> Generator[Any, Any, bytes]:
        try:
            yield self._waits_for
        except BaseException as error:
            self._reading.throw(error)
            raise
        return (yield from self._reading.__await__())


async def let_pass(receive: Receive, headers: Headers, deadline_s: float) -> None:
    """Forget the body of a request that is refused before its end: whoever still sends when the connection is closed
    sees a broken connection instead of the answer. A sender that waits for "100 Continue" is told at once.
    """
    if b"expect" in headers:
        return
    left = LET_PASS_BYTES
    try:
        async with asyncio.timeout(deadline_s):
            while left > 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return


def too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        f"The body is larger than the {limit} bytes this webhook takes. Send less.",
        leaves_a_body=True,
        connection="close",
    )


def busy() -> Problem:
    detail = "Too much is arriving at once. Send it again later."
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, leaves_a_body=True, retry_after="1", connection="close"
    )


def delivery_key(endpoint: Endpoint, headers: Headers, body: bytes) -> str | None:
    """The sender's id of this delivery; None where it sends none or the endpoint declares none. Raises
    safe_json.UnsafeJson where the body is no JSON that DCT takes, sent as it is or as GitHub's form (``payload=…``).
    """
    if headers.get(b"content-type", b"").lower().startswith(FORM.encode()):
        body = payload_of_form(body)
    if endpoint.id_path and not endpoint.id_header and endpoint.verification != Verification.GITHUB:
        return _key(value_at(safe_json.loads(body, max_bytes=endpoint.max_body_bytes), endpoint.id_path))
    safe_json.check(body, max_bytes=endpoint.max_body_bytes)
    if endpoint.verification == Verification.GITHUB:
        return _key(headers.get(_GITHUB_ID))
    return _key(headers.get(endpoint.id_header.lower().encode())) if endpoint.id_header else None


def kept(headers: Headers) -> str:
    """What is stored of the headers, as a JSON object: signatures as they came, whatever smells of a credential
    redacted.
    """
    found: dict[str, str] = {}
    for name, value in headers.items():
        word, is_secret = _word(name)
        if not word or len(found) >= _MOST_HEADERS:
            continue
        if is_secret:
            found[word] = f"{word}: {_REDACTED_JSON}"
        else:
            found[word] = _known_line(word, value) if len(value) <= _SHORT_VALUE else _line(word, value)
    return "{" + ", ".join(found.values()) + "}"


@lru_cache(maxsize=1024)
def _word(name: bytes) -> tuple[str, bool]:
    """A header's name in JSON (empty where nothing is left of it), and whether its value is a secret."""
    word = _NOT_TEXT.sub("", name.decode("latin-1"))[:100]
    return word and quoted(word), bool(_SECRET.search(word)) and not _SIGNATURE.search(word)


def _line(word: str, value: bytes) -> str:
    """A name and its value in JSON; secrets do not come here."""
    text = value.decode("latin-1")
    return f"{word}: {quoted((text if text.isprintable() else _NOT_TEXT.sub('', text))[:_LONGEST_VALUE])}"


# Of a sender's dozen headers all but two are the same every time.
_known_line = lru_cache(maxsize=4096)(_line)


def _key(found: Any) -> str | None:
    if isinstance(found, bytes):
        found = found.decode("latin-1")
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    text = _NOT_TEXT.sub("", str(found)).strip()
    if len(text) > _LONGEST_KEY:
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    return text or None
