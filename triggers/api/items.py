"""Context items: the library's cards and what was found under them; and the sources that DCT understands."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet, ReadingViewSet, whole_list
from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import IdField, Input, LineField
from triggers import sources
from triggers.services import cards, listening
from workspaces.enums import ItemKind
from workspaces.models import ContextItem, ItemState
from workspaces.selectors.library import items_visible_to, states_visible_to


class ItemSerializer(serializers.ModelSerializer[ContextItem]):
    """One thing that is watched, or was found under one. ``state`` is the last known state."""

    class Meta:
        model = ContextItem
        fields = (
            "id",
            "connection_id",
            "parent_id",
            "kind",
            "external_key",
            "title",
            "url",
            "is_watched",
            "state",
            "state_version",
            "changed_at",
            "created_at",
        )
        read_only_fields = fields


class StateSerializer(serializers.ModelSerializer[ItemState]):
    """One state an item was in; ``changes`` maps a path to what it was and what it became."""

    class Meta:
        model = ItemState
        fields = ("version", "state", "changes", "upstream_version", "event_id", "trust_tier", "at")
        read_only_fields = fields


class NewItem(Input):
    """A thing to watch, by its key outside (``owner/repository`` for a repository on GitHub)."""

    connection_id = IdField()
    kind = serializers.ChoiceField(choices=ItemKind.choices)
    external_key = LineField(max_length=500)
    title = LineField(required=False, allow_blank=True, max_length=300)
    url = serializers.URLField(required=False, allow_blank=True, max_length=1000)


class ItemFilter(filters.FilterSet):
    """Items of a connection, under a parent, of a kind, on cards, or by a part of title or key."""

    connection = IdFilter(field_name="connection_id")
    parent = IdFilter(field_name="parent_id")
    kind = filters.MultipleChoiceFilter(choices=ItemKind.choices)
    title = filters.CharFilter(lookup_expr="icontains")
    external_key = filters.CharFilter(lookup_expr="exact")

    class Meta:
        model = ContextItem
        fields = ("is_watched",)


class ItemViewSet(ReadingViewSet):
    """The library."""

    queryset = ContextItem.objects.all()
    serializer_class = ItemSerializer
    filterset_class = ItemFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "history": Operation.VIEW,
        "create": Operation.PUBLISH_TRIGGERS,
        "watch": Operation.PUBLISH_TRIGGERS,
        "unwatch": Operation.PUBLISH_TRIGGERS,
    }

    def rows(self) -> QuerySet[ContextItem]:
        return items_visible_to(user=self.user)

    @extend_schema(request=NewItem, responses={201: ItemSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Put a thing on a card and listen to it."""
        wanted = self.body(NewItem)
        rows = visible(Connection.objects.all(), user=self.user)
        connection = self.seen(rows, wanted.pop("connection_id"), "connection_id")
        self.require(Operation.PUBLISH_TRIGGERS, connection)
        kind = ItemKind(wanted.pop("kind"))
        item = cards.add_card(connection=connection, kind=kind, by=self.actor, now=self.now, **wanted)
        return self.respond(item, status=201)

    @extend_schema(request=None, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def watch(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Show it as a card and listen to it."""
        return self.respond(listening.watch_item(item=self.get_object(), by=self.actor, now=self.now))

    @extend_schema(request=None, responses=ItemSerializer)
    @action(detail=True, methods=["post"])
    def unwatch(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Take its card away; its history stays."""
        return self.respond(listening.unwatch_item(item=self.get_object(), by=self.actor, now=self.now))

    @extend_schema(responses=StateSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def history(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """The states it was in, newest first."""
        rows = states_visible_to(user=self.user, item=self.get_object())
        return self.page_of(rows, StateSerializer, keyset="-version")


class SourceSerializer(serializers.Serializer[Any]):
    """One outside system that DCT understands."""

    id = serializers.ChoiceField(choices=Source.choices)
    label = serializers.CharField()  # type: ignore[assignment]
    is_polled = serializers.BooleanField()


class SourceViewSet(OperationViewSet):
    """The outside systems that DCT understands."""

    queryset = Connection.objects.none()
    serializer_class = SourceSerializer
    filterset_fields: ClassVar = ()
    operations: ClassVar = {"list": Operation.VIEW}

    @extend_schema(responses=SourceSerializer(many=True))
    def list(self, request: Request) -> Response:  # noqa: ARG002
        """Every source."""
        return whole_list(
            [
                {"id": kind, "label": Source(kind).label, "is_polled": one.poller is not None}
                for kind, one in sources.registry.items()
            ]
        )
