"""Trying a draft before it decides: on stored events, or on a pasted payload. Nothing is written."""

import json
from collections import Counter
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.inputs import IdField, Input, LineField, WholeField
from triggers.enums import Outcome, Suppression
from triggers.models import Event, Trigger
from triggers.selectors.events import events_heard_by, events_visible_to
from triggers.selectors.triggers import revisions_visible_to
from triggers.services.dry_run import MOST, Tried, try_on_events, try_on_payload

DEFAULT_LAST = 20


class PayloadInput(Input):
    """What a sender would post: ``json``, or ``text`` for what is not JSON (a raw mail), with its headers."""

    connection_id = IdField()
    json = serializers.JSONField(required=False)
    text = serializers.CharField(required=False, max_length=256 * 1024, trim_whitespace=False)
    headers = serializers.DictField(child=LineField(max_length=1000), required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one body."""
        if ("json" in attrs) == ("text" in attrs):
            raise ValidationError({"json": ["Give either json or text."]})
        return attrs


class TryInput(Input):
    """What to try it on: chosen ``events``, a ``payload``, or else the ``last`` that it would have been asked about.

    The draft is tried; with ``revision`` that revision.
    """

    events = serializers.ListField(child=IdField(), required=False, max_length=MOST)
    last = WholeField(min_value=1, max_value=MOST, required=False)
    payload = PayloadInput(required=False)
    revision = WholeField(min_value=1, max_value=2**31 - 1, required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """At most one of the three."""
        if len({"events", "last", "payload"} & attrs.keys()) > 1:
            raise ValidationError({"events": ["Give one of events, last and payload."]})
        return attrs


class TriedSerializer(serializers.Serializer[Any]):
    """One answer. ``event`` is null for one that came of a payload."""

    event = serializers.IntegerField(source="event.pk", allow_null=True)
    type = serializers.CharField(source="event.type")
    subject = serializers.CharField(source="event.subject")
    time = serializers.DateTimeField(source="event.time")
    outcome = serializers.ChoiceField(choices=Outcome.choices, help_text="fired: it would fire.")
    summary = serializers.CharField()
    suppressed_by = serializers.ChoiceField(choices=Suppression.choices, allow_blank=True)
    until = serializers.DateTimeField(allow_null=True)
    detail = serializers.CharField()
    because = serializers.DictField(help_text="The reason tree: each condition, what it expected, what it found.")


class TriedAnswer(serializers.Serializer[Any]):
    """What would have been answered, in the order of the events, and how often."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text="How many events by outcome.")
    results = TriedSerializer(many=True)


class TryingActions(ReadingViewSet):
    """The part of a trigger's address that only asks."""

    @extend_schema(request=TryInput, responses=TriedAnswer)
    @action(detail=True, methods=["post"], pagination_class=None)
    def test(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What the draft would answer, by the function that decides; nothing happens, nothing is stored."""
        row = self.get_object()
        wanted = self.body(TryInput)
        document = self._document(row, wanted["revision"])
        asked: dict[str, Any] = {"trigger": row, "document": document, "owner": self.user, "now": self.now}
        if "payload" in wanted:
            found = self._on_payload(wanted["payload"], asked)
        else:
            found = try_on_events(**asked, events=self._events(document, wanted))
        counts = Counter(one.outcome for one in found)
        return Response(TriedAnswer({"counts": counts, "results": found}).data)

    def _document(self, row: Trigger, number: int | None) -> dict[str, Any]:
        if number is None:
            return dict(row.draft)
        revision = revisions_visible_to(user=self.user, trigger=row).filter(number=number).first()
        if revision is None:
            raise NotFound(f"This trigger has no revision {number}.")
        return dict(revision.document)

    def _events(self, document: dict[str, Any], wanted: dict[str, Any]) -> list[Event]:
        seen = events_visible_to(user=self.user)
        if "events" not in wanted:
            last = wanted.get("last", DEFAULT_LAST)
            return list(seen.filter(events_heard_by(document), purged_at=None).order_by("-id")[:last])
        found = seen.in_bulk(wanted["events"])
        missing = [str(pk) for pk in wanted["events"] if pk not in found]
        if missing:
            raise ValidationError({"events": [f"There are no such events for you: {', '.join(missing[:10])}."]})
        return [found[pk] for pk in wanted["events"]]

    def _on_payload(self, payload: dict[str, Any], asked: dict[str, Any]) -> list[Tried]:
        mine = visible(Connection.objects.all(), user=self.user, operation=Operation.VIEW)
        connection = self.seen(mine, payload["connection_id"], "payload.connection_id")
        text = payload["text"] if "text" in payload else json.dumps(payload["json"])
        return try_on_payload(**asked, connection=connection, body=text.encode(), headers=payload["headers"])
