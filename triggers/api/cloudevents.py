"""Events in the form of CloudEvents 1.0: as they are sent to the API, and as it gives them out."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from accounts.enums import Source
from dct_site.kernel.rest.parsers import BytesParser
from triggers.models import Event
from triggers.services.cloudevents import MAX_BYTES
from triggers.sources.cloudevents.event import HOPS, SPECVERSION
from triggers.sources.cloudevents.http import STRUCTURED

JSON = "application/json"


class CloudEventSerializer(serializers.Serializer[Any]):
    """A CloudEvent in structured mode. Any other name of lower-case letters and digits is an extension attribute."""

    specversion = serializers.CharField(help_text="1.0.")
    id = serializers.CharField(max_length=200, help_text="With ``source``, the name of this one event.")
    source = serializers.CharField(max_length=300, help_text="Where it happened: a URI or a part of one.")  # type: ignore[assignment]
    type = serializers.CharField(max_length=100, help_text="What happened, such as com.example.order.paid.")
    subject = serializers.CharField(required=False, max_length=300, help_text="What it is about, below the source.")
    time = serializers.DateTimeField(required=False, help_text="When it happened; else when it arrives.")
    datacontenttype = serializers.CharField(required=False)
    dataschema = serializers.CharField(required=False)
    data = serializers.JSONField(required=False)  # type: ignore[assignment]


class SentEvent(serializers.Serializer[Any]):
    """It is on disk; what becomes of it appears under ``deliveries/{id}/``."""

    delivery = serializers.IntegerField()
    duplicate = serializers.BooleanField(help_text="It was here before, and is not decided again.")
    key_conflict = serializers.BooleanField(
        help_text="Another content came under its source and id before: it is kept, and makes no second event."
    )


class SentBatch(serializers.Serializer[Any]):
    """All are on disk, in the order of the batch."""

    results = SentEvent(many=True)


class WholeBody(BytesParser):
    """The body as it is, up to as much as an event may have."""

    most = MAX_BYTES


class CloudEventRenderer(JSONRenderer):
    """An event as a CloudEvent, for who asks for it (``Accept``)."""

    media_type = STRUCTURED
    format = "cloudevent"
    charset = None


def as_cloudevent(event: Event, *, source: str, with_data: bool) -> dict[str, Any]:
    """An event as the JSON object of a CloudEvent: one that came as such with its own attributes.

    ``source`` is the address of its connection, for those that came otherwise: with this installation's own id of the
    event it names that event and no other. What DCT knows about it goes with it in ``dct…`` attributes.
    """
    sent = event.facts.get("cloudevent") if event.source == Source.CLOUDEVENTS else None
    attributes: dict[str, Any] = dict(sent["attributes"]) if sent else {"source": source, "type": event.type}
    attributes |= {
        "specversion": SPECVERSION,
        "id": event.external_id if sent else str(event.pk),
        "time": _rfc3339(event.time),
        "dctevent": event.pk,
        "dctconnection": event.connection_id,
        "dctorigin": event.origin,
        "dcttrust": event.trust_tier,
        # What is made of it is a step further away from the change outside.
        HOPS: event.hop + 1,
    }
    if event.subject and not sent:
        attributes["subject"] = event.subject
    if with_data and event.purged_at is None:
        return {**attributes, **_data(event, sent["data"] if sent else "object")}
    attributes.pop("datacontenttype", None)
    return attributes


def _data(event: Event, form: str) -> dict[str, Any]:
    """The data, which lies in the row as it is, as its ``value``, or not at all."""
    if form == "none":
        return {}
    return {"datacontenttype": JSON, "data": event.data if form == "object" else event.data["value"]}


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
