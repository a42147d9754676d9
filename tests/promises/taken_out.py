"""How each guard of the door is taken out: what it would do without, for the length of a block."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import psycopg
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

from dct_site import interpreter
from dct_site.gate import GatedHandler
from dct_site.kernel import safe_json
from dct_site.kernel.clock import utcnow
from dct_site.kernel.rest.parsers import SafeJSONParser
from triggers.door import app, verify, writer
from triggers.door import store as stores
from triggers.door.endpoints import Endpoint, Snapshot
from triggers.door.limits import Budget
from triggers.door.protocol import PatientProtocol
from triggers.door.rejections import Rejections
from triggers.door.requests import Arriving, read_body
from triggers.door.writer import Waiting, Writer
from triggers.enums import Refusal
from triggers.services import intake
from triggers.services.decide.pending import decide_pending
from triggers.services.intake import Incoming, Receipt
from triggers.services.intake_sql import Row, Statements
from triggers.services.keeping import purging

Out = AbstractContextManager[object]
UNLIMITED = 2**40


def together(*outs: Out) -> ExitStack:
    """Several at once."""
    stack = ExitStack()
    for out in outs:
        stack.enter_context(out)
    return stack


# The door


def waiting_for_the_commit() -> Out:
    async def answer_at_once(*_: Any) -> Receipt:
        return Receipt(1)

    return patch.object(Writer, "submit", answer_at_once)


def syncing() -> Out:
    connect, session = stores._connect, psycopg.connect

    def unsynced(path: str) -> Any:
        made = connect(path)
        made.execute("PRAGMA synchronous=OFF")
        return made

    def lazily(**given: Any) -> Any:
        return session(**given | {"options": "-c synchronous_commit=off"})

    return together(patch.object(stores, "_connect", unsynced), patch("triggers.door.store.psycopg.connect", lazily))


def verifying() -> Out:
    return patch.object(app, "refusal_of", lambda *_: None)


def counting_bytes() -> Out:
    async def all_of_it(self: Arriving, limit: int, budget: Any, reserved: int, deadline_s: float) -> bytes:
        return await read_body(self.receive, UNLIMITED, budget, reserved)

    whole = patch.object(safe_json, "check", lambda raw, *, max_bytes: None)
    return together(patch.object(Arriving, "read", all_of_it), whole)


def knowing_the_database_away() -> Out:
    return patch.object(writer, "Broken", ())


def the_doors_transaction() -> Out:
    """Every statement commits by itself."""
    return together(
        patch.object(stores.SqliteStore, "_begin", lambda self, patience_s: None),
        patch.object(stores.PostgresStore, "_begun", lambda self: nullcontext()),
    )


def keeping_keys() -> Out:
    emptied = {**purging.DELIVERIES.emptied, "delivery_key": None}
    return patch.object(purging, "KEEPINGS", (replace(purging.DELIVERIES, emptied=emptied),))


def rejecting_without_a_key() -> Out:
    note, row_of = Rejections.note, intake._row

    def with_key(self: Rejections, one: Incoming) -> None:
        note(self, replace(one, delivery_key=json.loads(one.headers_json or "{}").get("x-github-delivery")))

    def kept(sql: Statements, one: Incoming, delivery_id: int, generation_now: int) -> Row:
        return row_of(sql, one, delivery_id, generation_now)._replace(delivery_key=one.delivery_key)

    return together(patch.object(Rejections, "note", with_key), patch.object(intake, "_row", kept))


def _judging(judge: Any) -> Out:
    """Another way to look at a signature, at both places where the door does."""
    return together(patch.object(app, "refusal_of", judge), patch.object(writer, "refusal_of", judge))


def raw_bytes() -> Out:
    def over_the_value(endpoint: Any, secrets: Any, headers: Any, body: bytes, now: Any) -> Any:
        return verify.refusal_of(endpoint, secrets, headers, json.dumps(json.loads(body)).encode(), now)

    return _judging(over_the_value)


def constant_time() -> Out:
    def up_to_the_first(endpoint: Any, secrets: Any, headers: Mapping[bytes, bytes], body: bytes, now: Any) -> Any:
        sent = headers[b"x-hub-signature-256"].decode()
        return None if any(verify.sign(one, body) == sent for one in secrets) else Refusal.BAD_SIGNATURE

    return _judging(up_to_the_first)


def failing_closed() -> Out:
    def open_without(endpoint: Any, secrets: Any, *rest: Any) -> Any:
        return verify.refusal_of(endpoint, secrets, *rest) if secrets else None

    return _judging(open_without)


def the_age_of_stamps() -> Out:
    return patch.object(verify, "TOLERANCE_S", UNLIMITED)


def signing_stamps() -> Out:
    """The stamp is looked at, and what was signed is taken from when it was made: any stamp of now will do."""

    def with_any_stamp(endpoint: Any, secrets: Any, headers: Mapping[bytes, bytes], body: bytes, now: Any) -> Any:
        stamp = headers[endpoint.timestamp_header.lower().encode()]
        if abs(now.timestamp() - int(stamp)) > verify.TOLERANCE_S:
            return Refusal.STALE_TIMESTAMP
        sent = headers[endpoint.signature_header.lower().encode()].decode()
        hour = range(int(stamp) - 3600, int(stamp) + 1)
        return None if any(verify.sign(secrets[0], body, timestamp=at) == sent for at in hour) else "bad_signature"

    return _judging(with_any_stamp)


def the_end_of_secrets() -> Out:
    return patch.object(Endpoint, "live_secrets", lambda self, now: [one.value for one in self.secrets])


def the_old_secrets_day() -> Out:
    def newest(self: Endpoint, now: Any) -> list[bytes]:
        return [one.value for one in self.secrets if one.expires_at is None]

    return patch.object(Endpoint, "live_secrets", newest)


def verifying_again() -> Out:
    def take_over(self: Writer, batch: Sequence[Waiting], snapshot: Snapshot) -> None:
        for waiting in batch:
            waiting.incoming = replace(waiting.incoming, generation=snapshot.generation)

    return patch.object(Writer, "_verify_again", take_over)


def reading_bytes() -> Out:
    return patch.object(verify, "_signature", lambda value: bytes.fromhex(value.decode("ascii")))


def leaving_work_to_others() -> Out:
    def decide_now(_: object) -> None:
        try:
            decide_pending(now=utcnow())
        finally:
            connections.close_all()

    return patch.object(writer, "poke", decide_now)


def looking_closer() -> Out:
    return patch.object(safe_json, "_look_closer", lambda raw: None)


def bounding_numbers() -> Out:
    return patch.object(safe_json, "_decode", json.loads)


def the_apis_parser() -> Out:
    def parse(self: Any, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return json.loads(stream.read())

    return patch.object(SafeJSONParser, "parse", parse)


def the_headers_time() -> Out:
    return patch.object(PatientProtocol, "_await_headers", lambda self: None)


def the_headers_size() -> Out:
    return patch("triggers.door.protocol.MOST_HEADER_BYTES", UNLIMITED)


def the_bodys_pace() -> Out:
    return patch.object(PatientProtocol, "_keep_pace", lambda self, count: None)


def the_readers_time() -> Out:
    return patch.object(PatientProtocol, "pause_writing", lambda self: None)


def the_gate() -> Out:
    def at_once(self: GatedHandler, request: Any) -> Any:
        return ASGIHandler.run_get_response(self, request)

    return patch.object(GatedHandler, "run_get_response", at_once)


def all_descriptors() -> Out:
    return patch.object(interpreter, "take_all_descriptors", lambda: None)


def the_bodys_time() -> Out:
    async def patiently(self: Arriving, limit: int, budget: Any, reserved: int, deadline_s: float) -> bytes:
        return await read_body(self.receive, limit, budget, reserved)

    return patch.object(Arriving, "read", patiently)


def the_room_for_bodies() -> Out:
    def reserve(self: Budget, count: int) -> bool:
        self.used += count
        return True

    return patch.object(Budget, "reserve", reserve)


def the_rate() -> Out:
    return patch("triggers.door.app.Rates.take", lambda *_: None)
