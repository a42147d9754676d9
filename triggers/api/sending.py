"""Events that people and programs send, as CloudEvents: one, or a batch."""

from time import monotonic
from typing import Any

from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import token_of
from accounts.api.base import ReadingViewSet
from accounts.models import EVENTS_PER_MINUTE, Connection
from accounts.operations import Operation
from accounts.permissions import visible
from triggers.api.cloudevents import CloudEventSerializer, SentBatch, SentEvent, WholeBody
from triggers.services import cloudevents
from triggers.services.intake import Receipt
from triggers.sources.cloudevents.batch import is_batch
from triggers.sources.cloudevents.http import BATCH, STRUCTURED


class SendingActions(ReadingViewSet):
    """The part of the events' address that takes them."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The rate of a sender is asked before anything else is done, and before an answer is kept for a repeat: a
        429 must not be the answer to whoever comes again later, as told.
        """
        super().initial(request, *args, **kwargs)
        if self.action == "create":
            self._admit(request)

    def _admit(self, request: Request) -> None:
        token = token_of(request)
        key = ("user", self.user.pk) if token is None else ("token", token.pk)
        per_minute = EVENTS_PER_MINUTE if token is None else token.events_per_minute
        try:
            cloudevents.admit(key=key, per_minute=per_minute, at=monotonic(), events=self._count(request))
        except cloudevents.TooFast as turned:
            if turned.is_first:
                cloudevents.note_too_fast(connection=self._connection(request), sender=self.user, now=self.now)
            raise

    def _count(self, request: Request) -> int:
        """Each event of a batch counts. The body is read before DRF reads it, as an Idempotency-Key asks for it too."""
        headers = dict(request.headers)
        return cloudevents.events_in(body=request._request.body) if is_batch(headers) else 1

    def get_parsers(self) -> list[BaseParser]:
        """A sent event is stored as it arrived."""
        method = getattr(self, "action_map", None) or {}
        return [WholeBody()] if "create" in method.values() else super().get_parsers()

    @extend_schema(
        parameters=[OpenApiParameter("connection", int, description="Where it belongs; else your own first one.")],
        request={STRUCTURED: CloudEventSerializer, BATCH: CloudEventSerializer(many=True)},
        responses={202: PolymorphicProxySerializer("Sent", [SentEvent, SentBatch], resource_type_field_name=None)},
    )
    def create(self, request: Request) -> Response:
        """Send one event as a CloudEvent: structured, or binary with JSON and ``ce-`` headers; or a batch of them.

        It is on disk before the answer, once for each ``source`` and ``id``. Of a batch all events are taken, or none;
        ``results`` tells of each, in its order.
        """
        headers = dict(request.headers)
        receipts = cloudevents.send_events(
            connection=self._connection(request),
            headers=headers,
            body=_body(request),
            sender=self.user,
            by=self.actor,
            now=self.now,
        )
        told = [_told(receipt) for receipt in receipts]
        return Response({"results": told} if is_batch(headers) else told[0], status=202)

    def _connection(self, request: Request) -> Connection | None:
        if "connection" not in request.query_params:
            return None
        wanted = _WantedConnection(data={"connection": request.query_params["connection"]})
        wanted.is_valid(raise_exception=True)
        rows = visible(Connection.objects.all(), user=self.user)
        connection: Connection = self.seen(rows, wanted.validated_data["connection"], "connection")
        self.require(Operation.POST_EVENTS, connection)
        return connection


class _WantedConnection(serializers.Serializer[Any]):
    connection = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


def _body(request: Request) -> bytes:
    sent: object = request.data
    # Without a body there is nothing that DRF parses.
    return sent if isinstance(sent, bytes) else b""


def _told(receipt: Receipt) -> dict[str, Any]:
    flags = {"duplicate": receipt.duplicate, "key_conflict": receipt.key_conflict}
    return {"delivery": receipt.delivery_id, **flags}
