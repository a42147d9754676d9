"""The endpoints the door knows, kept in memory and as new as the generation they were read under."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import DatabaseError, connections

from accounts.models import Secret
from dct_site.kernel.crypto import WrongKey
from triggers.models import WebhookEndpoint
from triggers.services import generation
from triggers.services.endpoints import SECRET_NAME

READ_EVERY_S = 0.1
log = structlog.get_logger(__name__)


class Unreadable(Exception):
    """The database cannot be read now, so that nobody knows whether an endpoint exists."""


@dataclass(frozen=True, slots=True)
class LiveSecret:
    """A secret and until when it holds (None: until it is replaced). Never shown by repr."""

    value: bytes = field(repr=False)
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One enabled endpoint of an enabled connection."""

    id: int
    connection_id: int
    source: str
    verification: str
    signature_header: str
    timestamp_header: str
    id_header: str
    id_path: str
    max_body_bytes: int
    rate_per_minute: int
    secrets: tuple[LiveSecret, ...]
    has_unreadable_secret: bool = False

    def live_secrets(self, now: datetime) -> list[bytes]:
        return [secret.value for secret in self.secrets if secret.expires_at is None or now < secret.expires_at]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All endpoints by path, as of a generation."""

    generation: int = 0
    by_path: Mapping[str, Endpoint] = field(default_factory=dict)


class Endpoints:
    """The newest snapshot. ``load`` reads in the calling thread; ``refreshed`` reads for the event loop, together for
    all who ask and at most once in ``read_every_s``, so that unknown paths are no way to make the database work.
    """

    def __init__(self, read_every_s: float = READ_EVERY_S) -> None:
        self.snapshot = Snapshot()
        self._read_every_s = read_every_s
        self._read_at = 0.0
        self._next: asyncio.Task[Snapshot] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="door-endpoints")

    def load(self) -> Snapshot:
        """Read the generation and, where it moved, every endpoint. Raises Unreadable."""
        try:
            current = generation.current()
            if current != self.snapshot.generation:
                # The generation is read first: what changes in between is newer than its label, and read again.
                self.snapshot = Snapshot(current, _read())
        except DatabaseError as error:
            connections["default"].close()
            raise Unreadable(str(error)) from error
        return self.snapshot

    async def refreshed(self) -> Snapshot:
        """A snapshot whose generation was read after this call. Raises Unreadable."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._read_soon())
        return await asyncio.shield(self._next)

    @staticmethod
    def leave_thread() -> None:
        """Give back the connections of a thread that called ``load``."""
        connections.close_all()

    def close(self) -> None:
        self._thread.submit(self.leave_thread)
        self._thread.shutdown()

    async def _read_soon(self) -> Snapshot:
        await asyncio.sleep(max(0.0, self._read_at + self._read_every_s - time.monotonic()))
        # Whoever asks from here on may ask about something newer than this reading sees.
        self._next = None
        self._read_at = time.monotonic()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.load)


def _read() -> dict[str, Endpoint]:
    secrets: dict[int, list[LiveSecret]] = {}
    unreadable: set[int] = set()
    for secret in Secret.objects.filter(name=SECRET_NAME, connection__endpoint__isnull=False):
        try:
            live = LiveSecret(secret.value.encode(), secret.expires_at)
        except WrongKey as error:
            # One secret under a lost key closes its own endpoint (503), not the door.
            log.error("door.secret_unreadable", connection=secret.connection_id, error=str(error))
            unreadable.add(secret.connection_id)
            continue
        secrets.setdefault(secret.connection_id, []).append(live)
    enabled = WebhookEndpoint.objects.filter(is_enabled=True, connection__is_enabled=True)
    return {
        row.path: _endpoint(row, secrets.get(row.connection_id, []), row.connection_id in unreadable)
        for row in enabled.select_related("connection")
    }


def _endpoint(row: WebhookEndpoint, secrets: Sequence[LiveSecret], has_unreadable_secret: bool) -> Endpoint:
    return Endpoint(
        id=row.pk,
        connection_id=row.connection_id,
        source=row.connection.source,
        verification=row.verification,
        signature_header=row.signature_header,
        timestamp_header=row.timestamp_header,
        id_header=row.id_header,
        id_path=row.id_path,
        max_body_bytes=row.max_body_bytes,
        rate_per_minute=row.rate_per_minute,
        # An empty secret would let everybody sign.
        secrets=tuple(secret for secret in secrets if secret.value),
        has_unreadable_secret=has_unreadable_secret,
    )
