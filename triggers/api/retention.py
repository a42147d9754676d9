"""How long things are kept: everywhere, and for one connection."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet, ReadingViewSet
from accounts.operations import Operation
from dct_site.kernel.rest.etags import check_if_match
from dct_site.kernel.rest.inputs import Input, WholeField
from triggers.models import Retention
from triggers.models.retention import DEFAULT_DAYS, LONGEST, SHORTEST
from triggers.services.keeping.retention import change_retention, days_of, default_retention, retention_of


class DaysSerializer(serializers.Serializer[Any]):
    """Days, as they hold."""

    deliveries_days = serializers.IntegerField(help_text="Raw bytes and headers of deliveries.")
    events_days = serializers.IntegerField(help_text="What events say.")
    decisions_days = serializers.IntegerField(help_text="The reasons of decisions.")
    tombstones_days = serializers.IntegerField(
        help_text="What is left of them: ids, keys that tell repeats, outcomes. Never shorter than the others."
    )


class RetentionSerializer(serializers.ModelSerializer[Retention]):
    """For how many days contents are kept. null: as everywhere, or as delivered; ``holds`` says what that comes to."""

    holds = serializers.SerializerMethodField()

    class Meta:
        model = Retention
        fields = ("connection_id", *DEFAULT_DAYS, "holds", "version")
        read_only_fields = fields

    @extend_schema_field(DaysSerializer)
    def get_holds(self, row: Retention) -> dict[str, int]:
        return days_of(row)


def _days(name: str) -> WholeField:
    return WholeField(required=False, allow_null=True, min_value=SHORTEST[name], max_value=LONGEST)


class RetentionChange(Input):
    """What may be changed; null takes it back."""

    deliveries_days = _days("deliveries_days")
    events_days = _days("events_days")
    decisions_days = _days("decisions_days")
    tombstones_days = _days("tombstones_days")


class RetentionViewSet(OperationViewSet):
    """What holds where a connection says nothing else."""

    queryset = Retention.objects.all()
    serializer_class = RetentionSerializer
    operations: ClassVar = {"retrieve": Operation.VIEW, "partial_update": Operation.SET_LIMITS}

    @extend_schema(responses=RetentionSerializer)
    def retrieve(self, request: Request) -> Response:  # noqa: ARG002
        """For how long things are kept."""
        return self.respond(default_retention())

    @extend_schema(request=RetentionChange, responses=RetentionSerializer)
    def partial_update(self, request: Request) -> Response:
        """Keep longer or shorter from now on; what was taken away does not come back."""
        row = default_retention()
        check_if_match(request, row)
        wanted = self.body(RetentionChange)
        changed = change_retention(connection=None, by=self.actor, now=self.now, version=row.version, **wanted)
        return self.respond(changed)


class RetentionActions(ReadingViewSet):
    """The part of a connection's address that is about how long its things are kept."""

    @extend_schema(responses=RetentionSerializer)
    @action(detail=True, methods=["get"], pagination_class=None, serializer_class=RetentionSerializer)
    def retention(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """For how long what comes by this connection is kept."""
        return self.respond(retention_of(self.get_object()))

    @extend_schema(request=RetentionChange, responses=RetentionSerializer)
    @retention.mapping.patch
    def change_retention(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Keep it longer or shorter than everything else; null: as everything else."""
        connection = self.get_object()
        row = retention_of(connection)
        check_if_match(request, row)
        wanted = self.body(RetentionChange)
        changed = change_retention(connection=connection, by=self.actor, now=self.now, version=row.version, **wanted)
        return self.respond(changed)
