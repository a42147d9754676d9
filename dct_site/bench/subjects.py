"""What `bench intake` compares: the door, a bare receiver with the same group commit, a Django view with the ORM."""

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from triggers.door.app import Door
from triggers.door.store import PostgresStore, Store, store
from triggers.door.verify import refusal_of
from triggers.models import Delivery, PendingDelivery, WebhookEndpoint
from triggers.services.intake import body_hash

App = Callable[[Any, Any, Any], Awaitable[None]]


class Bare:
    """Receives a body and commits it with whatever waits: no verification, no deduplication, no answer but 202."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ARG002 - ASGI
        message = await receive()
        done = self._loop.create_future()
        self._waiting.put((message["body"], done))
        await done
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    def _run(self) -> None:
        own = store()
        with own.writing() as sql:
            sql.execute(f"CREATE TABLE IF NOT EXISTS bench_bare (id {_identity(own)}, body {_bytes(own)})", ())
        while True:
            batch = [self._waiting.get()]
            while len(batch) < 500 and not self._waiting.empty():
                batch.append(self._waiting.get())
            with own.writing() as sql:
                marks = ", ".join([f"({sql.mark})"] * len(batch))
                sql.execute(f"INSERT INTO bench_bare (body) VALUES {marks}", [body for body, _ in batch])  # noqa: S608
            self._loop.call_soon_threadsafe(_finish, [done for _, done in batch])


def bare() -> App:
    return Bare()


def orm() -> App:
    """Django's own handler, with the project's middleware, on a view that verifies and saves two rows."""
    settings.ROOT_URLCONF = __name__
    return ASGIHandler()


@csrf_exempt
def receive(request: HttpRequest, endpoint_path: str) -> JsonResponse:
    """The door's way as one would write it first."""
    endpoint = WebhookEndpoint.objects.select_related("connection").get(path=endpoint_path)
    secrets = [secret.value.encode() for secret in endpoint.connection.secrets.all()]
    headers = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
    now = datetime.now(UTC)
    if refusal_of(endpoint, secrets, headers, request.body, now) is not None:
        return JsonResponse({}, status=401)
    with transaction.atomic():
        row = Delivery.objects.create(
            connection_id=endpoint.connection_id,
            endpoint_id=endpoint.pk,
            source=endpoint.connection.source,
            delivery_key=request.headers["X-GitHub-Delivery"],
            body=request.body,
            body_hash=body_hash(request.body),
            headers=dict(request.headers),
            received_at=now,
        )
        PendingDelivery.objects.create(delivery=row)
    return JsonResponse({"delivery": row.pk, "duplicate": False}, status=202)


urlpatterns = [path("hooks/<str:endpoint_path>", receive)]
SUBJECTS: dict[str, Callable[[], App]] = {"door": Door, "bare": bare, "orm": orm}


def _finish(waiting: list["asyncio.Future[None]"]) -> None:
    for done in waiting:
        done.set_result(None)


def _identity(own: Store) -> str:
    return "bigserial PRIMARY KEY" if isinstance(own, PostgresStore) else "INTEGER PRIMARY KEY"


def _bytes(own: Store) -> str:
    return "bytea" if isinstance(own, PostgresStore) else "BLOB"
