"""``Idempotency-Key``: an unsafe call that is repeated gets the first one's answer, and does nothing twice."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from accounts.models import IdempotencyKey, User
from accounts.services.answers import KEPT
from dct_site.kernel.rest.problems import MEDIA_TYPE

ABANDONED = timedelta(minutes=10)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class KeyReused(APIException):
    """The key was used for another request."""

    status_code = 422
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used with another request. Use a new key for a new request."


class InvalidKey(APIException):
    status_code = 400
    default_code = "invalid_idempotency_key"
    default_detail = "An Idempotency-Key has 1 to 255 printable characters."


def request_hash(request: HttpRequest) -> str:
    """SHA-256 over method, path, query and raw body."""
    digest = hashlib.sha256()
    for part in (request.method or "", request.get_full_path(), request.body):
        raw = part if isinstance(part, bytes) else part.encode()
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


class StillAtWork(APIException):
    """The first call with this key has not been answered yet."""

    status_code = 409
    default_code = "idempotency_key_in_use"
    default_detail = "The first call with this Idempotency-Key is still at work. Try again in a moment."


def once(
    *, user: User, request: HttpRequest, key: str, now: datetime, call: Callable[[], Response], is_long: bool = False
) -> Response:
    """Answer from the kept row, or make the call and keep its answer in the call's own transaction.

    Two at the same time: the unique key makes the second wait for the first (PostgreSQL) or come after it (SQLite); it
    then reads the first one's answer. An answer of 500 or more keeps nothing, so that the caller may try again.

    ``is_long`` calls (they copy files, and would hold the database's write lock meanwhile) claim the key first and
    keep the answer afterwards: a second one meanwhile gets 409, and one whose process died gives its key up after
    ten minutes.
    """
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise InvalidKey
    route = f"{request.method} {request.path}"[:200]
    digest = request_hash(request)
    first = _first_long if is_long else _first
    try:
        return first(user=user, route=route, key=key, digest=digest, now=now, call=call)
    except _AlreadyAnswered:
        row = IdempotencyKey.objects.filter(user=user, route=route, key=key).first()
    if row is None:  # the first one failed and took its claim back a moment ago
        raise StillAtWork
    if row.request_hash != digest:
        raise KeyReused
    if row.response_status == 0:
        raise StillAtWork
    response = Response(row.response_body, status=row.response_status)
    for name, value in row.response_headers.items():
        response[name] = value
    if row.response_status >= 400:
        response.content_type = MEDIA_TYPE
    response["Idempotent-Replayed"] = "true"
    return response


class _AlreadyAnswered(Exception):
    pass


class _Failed(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


def _first(**known: Any) -> Response:
    call, now = known.pop("call"), known.pop("now")
    digest = known.pop("digest")
    try:
        with transaction.atomic():
            IdempotencyKey.objects.filter(created_at__lt=now - KEPT, **known).delete()
            row = _claim(digest=digest, now=now, **known)
            response: Response = call()
            if response.status_code >= 500:
                raise _Failed(response)
            _keep(row, response)
            return response
    except _Failed as failed:
        return failed.response


def _first_long(**known: Any) -> Response:
    call, now = known.pop("call"), known.pop("now")
    digest = known.pop("digest")
    with transaction.atomic():
        kept = IdempotencyKey.objects.filter(**known)
        kept.filter(created_at__lt=now - KEPT).delete()
        kept.filter(created_at__lt=now - ABANDONED, response_status=0).delete()
        row = _claim(digest=digest, now=now, **known)
    try:
        response: Response = call()
    except BaseException:
        row.delete()
        raise
    if response.status_code >= 500:
        row.delete()
    else:
        _keep(row, response)
    return response


def _keep(row: IdempotencyKey, response: Response) -> None:
    row.response_status = response.status_code
    # As it goes over the wire: dates and decimals of the rendered answer are texts.
    row.response_body = json.loads(json.dumps(response.data, cls=JSONEncoder))
    row.response_headers = {name: response[name] for name in ("Location", "ETag") if response.has_header(name)}
    row.save(update_fields=["response_status", "response_body", "response_headers"])


def _claim(*, digest: str, now: datetime, **known: Any) -> IdempotencyKey:
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(request_hash=digest, response_status=0, created_at=now, **known)
    except IntegrityError as error:
        raise _AlreadyAnswered from error
