"""Calendars: the days on which schedules rest."""

from typing import ClassVar

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet, unique
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import IdField, Input, LineField
from triggers.models import SkipCalendar
from triggers.services import schedules
from triggers.services.schedules import CALENDAR_TAKEN


class CalendarSerializer(serializers.ModelSerializer[SkipCalendar]):
    """Days on which schedules rest."""

    class Meta:
        model = SkipCalendar
        fields = ("id", "connection_id", "name", "days", "version", "created_at", "updated_at")
        read_only_fields = fields


class CalendarChange(Input):
    """What may be changed; its schedules go by it from now on."""

    name = LineField(required=False, max_length=200)
    days = serializers.CharField(required=False, allow_blank=True, max_length=20_000)


class NewCalendar(CalendarChange):
    """A list of days for the schedules of a clock."""

    connection_id = IdField()
    name = LineField(max_length=200)


class CalendarFilter(filters.FilterSet):
    """Calendars of a clock."""

    connection = IdFilter(field_name="connection_id")

    class Meta:
        model = SkipCalendar
        fields = ()


class CalendarViewSet(OperationViewSet):
    """Named lists of days."""

    queryset = SkipCalendar.objects.all()
    serializer_class = CalendarSerializer
    filterset_class = CalendarFilter
    operations: ClassVar = {
        **dict.fromkeys(("list", "retrieve"), Operation.VIEW),
        **dict.fromkeys(("create", "partial_update"), Operation.PUBLISH_TRIGGERS),
    }

    @extend_schema(responses=CalendarSerializer(many=True))
    def list(self, request: Request) -> Response:  # noqa: ARG002
        """Calendars, the newest first."""
        return self.page_of(self.filter_queryset(self.get_queryset()), CalendarSerializer)

    @extend_schema(responses=CalendarSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """A calendar."""
        return self.respond(self.get_object())

    @extend_schema(request=NewCalendar, responses={201: CalendarSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a calendar."""
        wanted = {"days": "", **self.body(NewCalendar)}
        clocks = visible(Connection.objects.all(), user=self.user)
        connection = self.seen(clocks, wanted.pop("connection_id"), "connection_id")
        self.require(Operation.PUBLISH_TRIGGERS, connection)
        with unique("name", CALENDAR_TAKEN):
            made = schedules.create_calendar(connection=connection, by=self.actor, now=self.now, **wanted)
        return self.respond(made, status=201)

    @extend_schema(request=CalendarChange, responses=CalendarSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Change a calendar."""
        row, wanted = self.object_for_change(), self.body(CalendarChange, partial=True)
        with unique("name", CALENDAR_TAKEN):
            schedules.change_calendar(calendar=row, by=self.actor, now=self.now, version=row.version, **wanted)
        return self.respond(self.get_object())
