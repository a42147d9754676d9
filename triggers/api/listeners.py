"""Listeners: how items and connections are watched, and how well that goes."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from dct_site.kernel.rest.filters import IdFilter, WordsFilter
from triggers.enums import Failure, ListenerStatus, ListenerType
from triggers.models import ContextListener
from triggers.selectors.failures import listener_failure
from triggers.selectors.listeners import listeners_visible_to
from triggers.services import listeners


class ListenerSerializer(serializers.ModelSerializer[ContextListener]):
    """How one item, or a whole connection, is watched. Times are of the last look and the last event."""

    context_item_id = serializers.IntegerField(source="item_id", allow_null=True)
    last_event_at = serializers.DateTimeField(source="heard_at", allow_null=True, default=None)
    failure = serializers.SerializerMethodField(help_text="That its connection fails; null while it does not.")
    last_known_state = serializers.DictField(source="item.state", default=None, allow_null=True)

    class Meta:
        model = ContextListener
        fields = (
            "id",
            "connection_id",
            "context_item_id",
            "listener_type",
            "status",
            "status_reason",
            "failure",
            "polling_interval_ms",
            "last_checked",
            "last_known_state",
            "last_event_at",
            "next_due_at",
            "failures",
            "version",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=Failure.choices, allow_null=True))
    def get_failure(self, row: ContextListener) -> str | None:
        return listener_failure(row)


class ListenerFilter(filters.FilterSet):
    """Listeners of a connection or an item, by type and health."""

    connection = IdFilter(field_name="connection_id")
    item = IdFilter(field_name="item_id")
    status = WordsFilter(choices=ListenerStatus.choices)
    listener_type = WordsFilter(choices=ListenerType.choices)

    class Meta:
        model = ContextListener
        fields = ()


class ListenerViewSet(ReadingViewSet):
    """How things are watched."""

    queryset = ContextListener.objects.all()
    serializer_class = ListenerSerializer
    filterset_class = ListenerFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        **dict.fromkeys(("pause", "resume", "poll"), Operation.PUBLISH_TRIGGERS),
    }

    def rows(self) -> QuerySet[ContextListener]:
        return listeners_visible_to(user=self.user)

    @extend_schema(request=None, responses=ListenerSerializer)
    @action(detail=True, methods=["post"])
    def poll(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Poll at the next chance instead of when due."""
        return self._done(listeners.poll_now)

    @extend_schema(request=None, responses=ListenerSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Stop polling until resumed."""
        return self._done(listeners.pause_listener)

    @extend_schema(request=None, responses=ListenerSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Poll again, from where it stopped: what came meanwhile comes in now."""
        return self._done(listeners.resume_listener)

    def _done(self, service: Any) -> Response:
        return self.respond(service(listener=self.object_for_change(), by=self.actor, now=self.now))
