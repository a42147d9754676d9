"""Deliveries: what arrived, as it arrived, duplicates counted on the first, rejected ones included."""

import base64
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.enums import Source
from accounts.operations import Operation
from accounts.permissions import may
from dct_site.kernel.rest.filters import IdFilter, WordFilter, WordsFilter
from triggers.api.replays import DeliveryReplayActions, ReplayedSerializer, replayed
from triggers.enums import DeliveryStatus, Origin
from triggers.models import Delivery, DeliveryOutcome
from triggers.selectors.events import deliveries_visible_to, events_of_delivery
from triggers.services.keeping.tombstones import gone_since


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One delivery without its raw parts. ``status`` is ``received`` until it is decided."""

    status = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField(help_text="Why it was refused or rejected.")
    detail = serializers.CharField(source="outcome.detail", default="")
    event_count = serializers.IntegerField(source="outcome.event_count", default=0)
    decided_at = serializers.DateTimeField(source="outcome.decided_at", default=None, allow_null=True)
    duplicates = serializers.IntegerField(source="duplicates.count", default=0)
    note = serializers.SerializerMethodField(help_text="Since when its content is no longer kept, as a sentence.")

    class Meta:
        model = Delivery
        fields: tuple[str, ...] = (
            "id",
            "connection_id",
            "source",
            "origin",
            "delivery_key",
            "key_conflict",
            "trust_tier",
            "status",
            "reason",
            "detail",
            "event_count",
            "duplicates",
            "body_hash",
            "received_at",
            "decided_at",
            "purged_at",
            "note",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=DeliveryStatus.choices))
    def get_status(self, row: Delivery) -> str:
        outcome: DeliveryOutcome | None = getattr(row, "outcome", None)
        if outcome is not None:
            return outcome.status
        return DeliveryStatus.REJECTED.value if row.rejection else DeliveryStatus.RECEIVED.value

    def get_note(self, row: Delivery) -> str:
        return gone_since(row.purged_at)

    def get_reason(self, row: Delivery) -> str:
        outcome: DeliveryOutcome | None = getattr(row, "outcome", None)
        return row.rejection or (outcome.reason if outcome is not None else "")


class BodySerializer(serializers.Serializer[Any]):
    """The raw body: always in base64, and as text where it is UTF-8."""

    base64 = serializers.CharField()
    text = serializers.CharField(allow_null=True)


class DeliveryDetail(DeliverySerializer):
    """One delivery with its raw parts (null for those who may not look at raw payloads, and where they are no longer
    kept) and its events.
    """

    headers = serializers.SerializerMethodField()
    body = serializers.SerializerMethodField()
    events = serializers.SerializerMethodField()
    replay = serializers.SerializerMethodField(help_text="What it repeats, and how; null for what is no replay.")

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "headers", "body", "events", "replay")
        read_only_fields = fields

    def _is_raw(self, row: Delivery) -> bool:
        return row.purged_at is None and bool(may(self.context["request"].user, Operation.VIEW_RAW, row))

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_headers(self, row: Delivery) -> dict[str, Any] | None:
        return dict(row.headers) if self._is_raw(row) else None

    @extend_schema_field(BodySerializer(allow_null=True))
    def get_body(self, row: Delivery) -> dict[str, Any] | None:
        if not self._is_raw(row):
            return None
        raw = bytes(row.body)
        try:
            text: str | None = raw.decode()
        except UnicodeDecodeError:
            text = None
        return {"base64": base64.b64encode(raw).decode(), "text": text}

    @extend_schema_field(ReplayedSerializer(allow_null=True))
    def get_replay(self, row: Delivery) -> dict[str, Any] | None:
        return replayed(row.pk) if row.origin == Origin.REPLAY else None

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_events(self, row: Delivery) -> list[int]:
        events = events_of_delivery(user=self.context["request"].user, delivery=row)
        return list(events.order_by("id").values_list("pk", flat=True))


class DeliveryFilter(filters.FilterSet):
    """Deliveries of a connection or a source, by status, in a span of time."""

    connection = IdFilter(field_name="connection_id")
    source = WordsFilter(choices=Source.choices)
    origin = WordsFilter(choices=Origin.choices)
    status = WordFilter(choices=DeliveryStatus.choices, method="by_status")
    received_from = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="gte")
    received_to = filters.IsoDateTimeFilter(field_name="received_at", lookup_expr="lt")

    class Meta:
        model = Delivery
        fields = ("delivery_key",)

    def by_status(self, rows: QuerySet[Delivery], name: str, value: str) -> QuerySet[Delivery]:  # noqa: ARG002
        """What is not decided yet has no outcome; what the door turned away never gets one."""
        if value == DeliveryStatus.RECEIVED:
            return rows.filter(outcome=None, rejection="")
        rejected = ~Q(rejection="") if value == DeliveryStatus.REJECTED else Q(pk__in=[])
        return rows.filter(Q(outcome__status=value) | rejected)


class DeliveryViewSet(DeliveryReplayActions):
    """What arrived."""

    queryset = Delivery.objects.all()
    serializer_class = DeliverySerializer
    detail_serializer_class = DeliveryDetail
    filterset_class = DeliveryFilter
    operations: ClassVar = {"list": Operation.VIEW, "retrieve": Operation.VIEW, "replay": Operation.FIRE}

    def rows(self) -> QuerySet[Delivery]:
        return deliveries_visible_to(user=self.user).select_related("outcome", "duplicates")
