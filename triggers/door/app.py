"""The door's ASGI application: ``POST /hooks/{path}``.

In this order: known endpoint, size, rate, disk, overload, room, body, signature, safe JSON, commit. Whatever goes wrong
before the signature holds costs no commit; 202 is sent after the commit and never before.
"""

import time
from collections.abc import Callable, Iterable, MutableMapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

import structlog

from dct_site.kernel import safe_json
from dct_site.kernel.clock import utcnow
from dct_site.kernel.rates import Rates
from triggers.door import ladder
from triggers.door.answers import (
    Answer,
    Problem,
    Send,
    accepted,
    answer_to,
    disk_full,
    not_found,
    overloaded,
    send,
    unavailable,
    wrong_key,
)
from triggers.door.endpoints import Endpoint, Endpoints, Snapshot, Unreadable
from triggers.door.limits import Budget, Lookout
from triggers.door.rejections import KEEP_BYTES, Rejections
from triggers.door.requests import (
    Arriving,
    Body,
    Disconnected,
    Receive,
    Whole,
    busy,
    declared_length,
    delivery_key,
    headers_of,
    kept,
    let_pass,
    too_large,
)
from triggers.door.store import store
from triggers.door.verify import Headers, refusal_of
from triggers.door.writer import Writer
from triggers.enums import Refusal
from triggers.services.intake import Incoming, Receipt, body_hash
from workspaces import files
from workspaces.enums import TrustTier

PREFIX = "/hooks/"
BODY_DEADLINE_S = 10.0
BYTES_IN_FLIGHT = 64 * 1024 * 1024
log = structlog.get_logger(__name__)


class Door:
    """Accepts webhooks. One per event loop; it opens itself with the first request and must be closed."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = utcnow,
        body_deadline_s: float = BODY_DEADLINE_S,
        bytes_in_flight: int = BYTES_IN_FLIGHT,
        has_room: Callable[[], bool] = files.room_for_intake,
        is_open: Callable[[], bool] = ladder.is_open,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoints = Endpoints()
        self._now = now
        self._monotonic = monotonic
        self._body_deadline_s = body_deadline_s
        self._budget = Budget(bytes_in_flight)
        self._rates = Rates()
        self._disk = Lookout(has_room)
        self._ladder = Lookout(is_open, patience_s=0.05)
        self._writer: Writer | None = None
        self._rejections: Rejections | None = None

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, to: Send) -> None:
        """Answer one HTTP request; every answer is JSON."""
        headers = headers_of(scope["headers"])
        try:
            answer = await self._answer(scope["method"], scope["path"], headers, Arriving(receive))
        except Disconnected:
            return
        if answer.leaves_a_body:
            await let_pass(receive, headers, self._body_deadline_s)
        await send(answer, to)

    async def answer_whole(self, path: str, pairs: Iterable[tuple[bytes, bytes]], body: bytes) -> Answer:
        """As an ASGI server's request, for a POST that has arrived to its end."""
        return await self._answer("POST", path, headers_of(pairs), Whole(body))

    @property
    def rejections(self) -> Rejections:
        """The notes of what was turned away."""
        if self._rejections is None:
            self._rejections = Rejections(store())
        return self._rejections

    @property
    def writer(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(store(), self.endpoints, self._now)
        return self._writer

    async def close(self) -> None:
        """Commit what waits, write the notes, end the threads."""
        if self._writer is not None:
            await self._writer.close()
        if self._rejections is not None:
            await self._rejections.close()
        self.endpoints.close()

    async def _answer(self, method: str, address: str, headers: Headers, body: Body) -> Answer:
        """Raises Disconnected."""
        try:
            receipt = await self._handle(method, address, headers, body)
        except Problem as problem:
            return answer_to(problem)
        except Disconnected:
            raise
        except Exception:
            log.exception("door.failed")
            return answer_to(unavailable())
        return accepted(receipt.delivery_id, receipt.duplicate)

    async def _handle(self, method: str, address: str, headers: Headers, arriving: Body) -> Receipt:
        if method != "POST":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "Send a POST.", allow="POST")
        path = address.rpartition("/")[2] if address.startswith(PREFIX) else ""
        endpoint, snapshot = await self._find(path)
        length = self._admit(endpoint, headers)
        if await self._disk.is_full():
            raise disk_full()
        if await self._ladder.is_full():
            raise overloaded()
        # A body of unknown length takes its bytes as they arrive.
        reserved = length or 0
        if not self._budget.reserve(reserved):
            raise busy()
        try:
            body = await arriving.read(endpoint.max_body_bytes, self._budget, reserved, self._body_deadline_s)
            return await self._accept(path, endpoint, snapshot, headers, body)
        except Problem as problem:
            if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                self._note(endpoint, headers, b"", Refusal.TOO_LARGE)
            raise
        finally:
            self._budget.release(reserved)

    async def _find(self, path: str) -> tuple[Endpoint, Snapshot]:
        snapshot = self.endpoints.snapshot
        if path not in snapshot.by_path and path:
            snapshot = await self._refreshed()
        endpoint = snapshot.by_path.get(path)
        if endpoint is None:
            self.rejections.unknown_paths += 1
            raise not_found()
        return endpoint, snapshot

    async def _refreshed(self) -> Snapshot:
        try:
            return await self.endpoints.refreshed()
        except Unreadable:
            raise unavailable("The database is away. Send it again later.") from None

    def _admit(self, endpoint: Endpoint, headers: Headers) -> int | None:
        """Everything that can be said without the body; returns its declared length."""
        length = declared_length(headers)
        if length is not None and length > endpoint.max_body_bytes:
            self._note(endpoint, headers, b"", Refusal.TOO_LARGE)
            raise too_large(endpoint.max_body_bytes)
        turned = self._rates.take(endpoint.id, endpoint.rate_per_minute, self._monotonic())
        if turned is not None:
            if turned.is_first:
                self._note(endpoint, headers, b"", Refusal.RATE_LIMITED)
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate_limited",
                f"This webhook takes {endpoint.rate_per_minute} deliveries a minute. Send it again later.",
                retry_after=str(turned.retry_after_s),
            )
        if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"identity", b""}:
            self._note(endpoint, headers, b"", Refusal.NOT_UNDERSTOOD)
            detail = "Send the body as it is, without Content-Encoding."
            raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "encoded", detail, leaves_a_body=True, connection="close")
        return length

    async def _accept(
        self, path: str, endpoint: Endpoint, snapshot: Snapshot, headers: Headers, body: bytes
    ) -> Receipt:
        now = self._now()
        refusal = refusal_of(endpoint, endpoint.live_secrets(now), headers, body, now)
        if refusal is not None and refusal != Refusal.STALE_TIMESTAMP:
            endpoint, snapshot, refusal = await self._judged_anew(path, headers, body)
        if refusal is not None:
            raise self._rejected(endpoint, headers, body, refusal)
        try:
            key = delivery_key(endpoint, headers, body)
        except safe_json.UnsafeJson as unsafe:
            self._note(endpoint, headers, body, Refusal.NOT_SAFE_JSON)
            raise Problem(HTTPStatus.BAD_REQUEST, "not_safe_json", str(unsafe)) from None
        incoming = Incoming(
            connection_id=endpoint.connection_id,
            endpoint_id=endpoint.id,
            source=endpoint.source,
            delivery_key=key,
            body=body,
            # Made here, so that nothing of it is done while the batch's transaction is open.
            body_hash=body_hash(body),
            headers_json=kept(headers),
            trust_tier=TrustTier.VERIFIED,
            received_at=now,
            generation=snapshot.generation,
        )
        answer = await self.writer.submit(path, headers, incoming)
        if isinstance(answer, Refusal):
            raise self._rejected(endpoint, headers, body, answer)
        if isinstance(answer, Problem):
            raise answer
        return answer

    async def _judged_anew(self, path: str, headers: Headers, body: bytes) -> tuple[Endpoint, Snapshot, Refusal | None]:
        """A bad signature may be a good one under a secret newer than the door knows."""
        snapshot = await self._refreshed()
        endpoint = snapshot.by_path.get(path)
        if endpoint is None:
            raise not_found()
        now = self._now()
        return endpoint, snapshot, refusal_of(endpoint, endpoint.live_secrets(now), headers, body, now)

    def _rejected(self, endpoint: Endpoint, headers: Headers, body: bytes, refusal: Refusal) -> Problem:
        """Note a rejection and say why; which part of a signature was wrong is nobody's business."""
        if endpoint.has_unreadable_secret and refusal != Refusal.NOT_UNDERSTOOD:
            return wrong_key()
        self._note(endpoint, headers, body, refusal)
        if refusal == Refusal.NOT_UNDERSTOOD:
            return Problem(HTTPStatus.BAD_REQUEST, refusal, "The delivery cannot be stored as it is.")
        detail = "The signature does not match, or it is too old."
        return Problem(HTTPStatus.UNAUTHORIZED, "bad_signature", detail)

    def _note(self, endpoint: Endpoint, headers: Headers, body: bytes, refusal: Refusal) -> None:
        self.rejections.note(
            Incoming(
                connection_id=endpoint.connection_id,
                endpoint_id=endpoint.id,
                source=endpoint.source,
                body=body[:KEEP_BYTES],
                headers_json=kept(headers),
                received_at=self._now(),
                rejection=refusal,
            )
        )
