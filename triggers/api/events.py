"""Events and decisions: what changed, what every trigger answered, and why; and asking again."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.cache import patch_vary_headers
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.enums import Source
from accounts.operations import Operation
from accounts.permissions import may
from dct_site.kernel.rest.filters import IdFilter
from triggers.api.cloudevents import (
    JSON,
    CloudEventRenderer,
    CloudEventSerializer,
    as_cloudevent,
)
from triggers.api.links import public_url
from triggers.api.replays import EventReplayActions, ReplayedSerializer, replayed
from triggers.api.sending import SendingActions
from triggers.api.watches import WatchSerializer
from triggers.enums import Origin
from triggers.models import Event
from triggers.selectors.events import came_of_bulk, events_visible_to
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.explain import Explanation, explain, explain_all
from triggers.services.keeping.tombstones import INPUTS_PURGED, gone_since
from triggers.sources.cloudevents.http import STRUCTURED


class EventSerializer(serializers.ModelSerializer[Event]):
    """One normalised change, in CloudEvents terms."""

    context_item_id = serializers.IntegerField(source="item_id", allow_null=True)
    note = serializers.SerializerMethodField(help_text="Since when its content is no longer kept, as a sentence.")

    class Meta:
        model = Event
        fields: tuple[str, ...] = (
            "id",
            "delivery_id",
            "connection_id",
            "context_item_id",
            "external_id",
            "source",
            "type",
            "subject",
            "actor",
            "time",
            "origin",
            "trust_tier",
            "is_late",
            "hop",
            "replay_of_id",
            "target_trigger_id",
            "accepted_at",
            "decided_at",
            "purged_at",
            "note",
        )
        read_only_fields = fields

    def get_note(self, row: Event) -> str:
        return gone_since(row.purged_at)


class EventDetail(EventSerializer):
    """An event with what changed; ``facts`` and ``data`` are null for those who may not look at raw payloads, and
    where they are no longer kept.
    """

    facts = serializers.SerializerMethodField()
    data = serializers.SerializerMethodField()  # type: ignore[assignment]
    replay = serializers.SerializerMethodField(help_text="What it repeats, and how; null for what is no replay.")

    class Meta(EventSerializer.Meta):
        fields = (*EventSerializer.Meta.fields, "changes", "item_version", "facts", "data", "replay")
        read_only_fields = fields

    @extend_schema_field(ReplayedSerializer(allow_null=True))
    def get_replay(self, row: Event) -> dict[str, Any] | None:
        return replayed(row.delivery_id) if row.origin == Origin.REPLAY else None

    def _raw(self, row: Event, value: dict[str, Any]) -> dict[str, Any] | None:
        if row.purged_at is not None:
            return None
        return value if may(self.context["request"].user, Operation.VIEW_RAW, row) else None

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_facts(self, row: Event) -> dict[str, Any] | None:
        return self._raw(row, row.facts)

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_data(self, row: Event) -> dict[str, Any] | None:
        return self._raw(row, row.data)


class ExplanationSerializer(serializers.Serializer[Any]):
    """One trigger's answer to one event. ``outcome`` is empty where the trigger was not asked; ``detail`` says why."""

    trigger = serializers.IntegerField(source="trigger.pk")
    trigger_name = serializers.CharField(source="trigger.name")
    revision = serializers.IntegerField(source="revision.number", default=None, allow_null=True)
    outcome = serializers.CharField()
    summary = serializers.CharField()
    suppressed_by = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    detail = serializers.CharField()
    because = serializers.DictField(help_text="The reason tree: each condition, what it expected, what it found.")
    facts = serializers.DictField()
    decision = serializers.IntegerField(source="decision.pk", default=None, allow_null=True)
    execution = serializers.IntegerField(source="execution_id", allow_null=True)
    is_purged = serializers.BooleanField(help_text="What it was judged by is no longer kept.")
    code = serializers.SerializerMethodField(help_text=f"{INPUTS_PURGED}, or empty.")
    watches = WatchSerializer(many=True, help_text="What the event armed, or ended, or in whose name it came.")

    def get_code(self, answer: Explanation) -> str:
        return INPUTS_PURGED if answer.is_purged else ""


class Explanations(serializers.Serializer[Any]):
    """The answers of the triggers that were asked, fired first; empty: no trigger listened to this."""

    results = ExplanationSerializer(many=True)


class EventFilter(filters.FilterSet):
    """Events about an item, of a connection, a source, a type, in a span of time."""

    connection = IdFilter(field_name="connection_id")
    item = IdFilter(field_name="item_id")
    delivery = IdFilter(field_name="delivery_id")
    bulk_replay = IdFilter(method="of_bulk", label="Came in again by this bulk replay.")
    source = filters.MultipleChoiceFilter(choices=Source.choices)
    origin = filters.MultipleChoiceFilter(choices=Origin.choices)
    accepted_from = filters.IsoDateTimeFilter(field_name="accepted_at", lookup_expr="gte")
    accepted_to = filters.IsoDateTimeFilter(field_name="accepted_at", lookup_expr="lt")

    class Meta:
        model = Event
        fields = ("type", "actor")

    def of_bulk(self, rows: QuerySet[Event], _name: str, value: int) -> QuerySet[Event]:
        return rows.filter(came_of_bulk(value))


class EventViewSet(EventReplayActions, SendingActions):
    """What changed outside."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
    detail_serializer_class = EventDetail
    filterset_class = EventFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "create": Operation.POST_EVENTS,
        "explain": Operation.VIEW,
        "replay": Operation.FIRE,
    }

    def rows(self) -> QuerySet[Event]:
        return events_visible_to(user=self.user)

    def get_renderers(self) -> list[BaseRenderer]:
        """One event is given out as a CloudEvent too."""
        return [*super().get_renderers(), *([CloudEventRenderer()] if self.action == "retrieve" else [])]

    @extend_schema(responses={(200, JSON): EventDetail, (200, STRUCTURED): CloudEventSerializer})
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One event; as a CloudEvent for who accepts ``application/cloudevents+json``."""
        event = self.get_object()
        if isinstance(request.accepted_renderer, CloudEventRenderer):
            source = public_url(request, f"/api/v1/connections/{event.connection_id}/")
            response = Response(
                as_cloudevent(event, source=source, with_data=self.may(Operation.VIEW_RAW, event)),
            )
        else:
            response = self.respond(event)
        patch_vary_headers(response, ["Accept"])
        return response

    @extend_schema(
        parameters=[OpenApiParameter("trigger", int, description="Only this trigger's answer.")],
        responses=Explanations,
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def explain(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What every trigger within reach answered, and why; with ``?trigger=`` one of them, asked or not."""
        event = self.get_object()
        rows = triggers_visible_to(user=self.user)
        if "trigger" in request.query_params:
            wanted = _Wanted(data={"trigger": request.query_params["trigger"]})
            wanted.is_valid(raise_exception=True)
            trigger = self.seen(rows, wanted.validated_data["trigger"], "trigger")
            answers = [explain(event=event, trigger=trigger)]
        else:
            seen = set(rows.order_by().values_list("pk", flat=True))
            answers = [answer for answer in explain_all(event=event) if answer.trigger.pk in seen]
        return Response({"results": [_shown(answer) for answer in answers]})


class _Wanted(serializers.Serializer[Any]):
    trigger = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


def _shown(answer: Explanation) -> dict[str, Any]:
    return dict(ExplanationSerializer(answer).data)
