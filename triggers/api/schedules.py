"""Schedules: when the clock is heard, what comes next and what became of each slot."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet
from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import IdField, Input, LineField, WholeField
from triggers.enums import MisfirePolicy
from triggers.models import Schedule, ScheduleSlot
from triggers.schedules.plan import Preview
from triggers.schedules.settings import LEAST_EVERY_S, MOST_CATCH_UP, MOST_EVERY_S, MOST_GRACE_S, MOST_JITTER_S
from triggers.selectors.schedules import schedules_visible_to
from triggers.services import listeners, schedules
from triggers.services.schedules import MOST_CALENDARS


class ComingRunSerializer(serializers.Serializer[Any]):
    """A coming run."""

    slot = serializers.CharField(help_text="Its name: local time, or the instant with a Z.")
    due_at = serializers.DateTimeField(help_text="The time that it stands for.")
    fires_at = serializers.DateTimeField(help_text="The same, with the schedule's jitter.")
    local = serializers.CharField(help_text="When it fires, in the schedule's time zone.")
    note = serializers.ChoiceField(
        choices=["", "moved", "once", "change_day"],
        help_text="`moved`: the clock leaps over its time, so it runs right after. `once`: its time comes twice, it"
        " runs at the first. `change_day`: the clock is changed on that day.",
    )


class SchedulePreviewSerializer(serializers.Serializer[Any]):
    """The next runs, and the days between on which it rests."""

    runs = ComingRunSerializer(many=True)
    rests = serializers.ListField(child=serializers.DateField())


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    """A schedule. ``next_at`` is when it fires next; null where it is paused, or over."""

    name = serializers.CharField(source="listener.item.title")
    connection_id = serializers.IntegerField(source="listener.connection_id")
    context_item_id = serializers.IntegerField(source="listener.item_id", help_text="What a trigger listens to.")
    status = serializers.CharField(source="listener.status")
    calendar_ids = serializers.SerializerMethodField()

    class Meta:
        model = Schedule
        fields: tuple[str, ...] = (
            "id",
            "name",
            "connection_id",
            "context_item_id",
            "listener_id",
            "status",
            "cron",
            "every_s",
            "timezone",
            "starts_at",
            "ends_at",
            "jitter_s",
            "skip_days",
            "calendar_ids",
            "misfire",
            "catch_up",
            "grace_s",
            "next_at",
            "deleted_at",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_calendar_ids(self, row: Schedule) -> list[int]:
        return sorted(calendar.pk for calendar in row.calendars.all())


class ScheduleDetail(ScheduleSerializer):
    """The same, with its next runs."""

    next_runs = serializers.SerializerMethodField()

    class Meta(ScheduleSerializer.Meta):
        fields = (*ScheduleSerializer.Meta.fields, "next_runs")
        read_only_fields = fields

    @extend_schema_field(SchedulePreviewSerializer)
    def get_next_runs(self, row: Schedule) -> dict[str, Any]:
        return shown_preview(schedules.coming(row, now=self.context["view"].now))


class SlotSerializer(serializers.ModelSerializer[ScheduleSlot]):
    """What became of a slot; one that was missed stands for ``count`` of them, up to ``last_at``."""

    class Meta:
        model = ScheduleSlot
        fields = (
            "id",
            "slot_at",
            "key",
            "status",
            "is_made_up",
            "count",
            "last_at",
            "reason",
            "delivery_id",
            "settled_at",
        )
        read_only_fields = fields


class ScheduleInput(Input):
    """When it is due: either ``cron`` or ``every_s``."""

    cron = LineField(
        required=False, allow_blank=True, max_length=100, help_text="Five fields, or an alias such as `@daily`."
    )
    every_s = WholeField(required=False, allow_null=True, min_value=LEAST_EVERY_S, max_value=MOST_EVERY_S)
    timezone = LineField(required=False, max_length=64, help_text="An IANA name, such as `Europe/Paris`.")
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    jitter_s = WholeField(required=False, min_value=0, max_value=MOST_JITTER_S)
    skip_days = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=20_000,
        help_text="A day a line: `2026-12-25`, `2026-12-24/2027-01-02` or `12-25`, with a remark behind it.",
    )
    calendar_ids = serializers.ListField(child=IdField(), required=False, max_length=MOST_CALENDARS)
    misfire = serializers.ChoiceField(choices=MisfirePolicy.choices, required=False)
    catch_up = WholeField(required=False, min_value=1, max_value=MOST_CATCH_UP)
    grace_s = WholeField(required=False, min_value=1, max_value=MOST_GRACE_S)


class SchedulePreviewInput(ScheduleInput):
    """The settings to ask about; ``connection_id`` is the clock that the calendars belong to; a name says nothing."""

    connection_id = IdField(required=False)
    name = LineField(max_length=200, required=False)


class NewSchedule(SchedulePreviewInput):
    """A schedule to make. Without a ``connection_id`` it goes to your own clock."""

    name = LineField(max_length=200)


class ScheduleChange(ScheduleInput):
    """What may be changed; it counts from now on."""

    name = LineField(required=False, max_length=200)


class ScheduleFilter(filters.FilterSet):
    """Schedules of a clock, of a card, by how they stand."""

    connection = IdFilter(field_name="listener__connection_id")
    context_item = IdFilter(field_name="listener__item_id")

    class Meta:
        model = Schedule
        fields = ("misfire",)


class ScheduleViewSet(OperationViewSet):
    """When the clock is heard."""

    queryset = Schedule.objects.all()
    serializer_class = ScheduleSerializer
    detail_serializer_class = ScheduleDetail
    filterset_class = ScheduleFilter
    operations: ClassVar = {
        **dict.fromkeys(("list", "retrieve", "slots", "preview"), Operation.VIEW),
        **dict.fromkeys(("create", "partial_update", "destroy", "pause", "resume"), Operation.PUBLISH_TRIGGERS),
    }

    def rows(self) -> QuerySet[Schedule]:
        """One that was deleted is in no list, and tells what became of its slots."""
        found = schedules_visible_to(user=self.user)
        return found if self.action in {"retrieve", "slots"} else found.filter(deleted_at=None)

    @extend_schema(responses=ScheduleSerializer(many=True))
    def list(self, request: Request) -> Response:  # noqa: ARG002
        """Schedules, the newest first."""
        return self.page_of(self.filter_queryset(self.get_queryset()), ScheduleSerializer)

    @extend_schema(responses=ScheduleDetail)
    def retrieve(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """A schedule with its next five runs."""
        return self.respond(self.get_object())

    @extend_schema(request=NewSchedule, responses={201: ScheduleDetail})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a schedule with its card; a trigger listens to the card."""
        wanted = self.body(NewSchedule)
        connection = self._clock(wanted.pop("connection_id", None))
        if connection is not None:
            self.require(Operation.PUBLISH_TRIGGERS, connection)
        made = schedules.create_schedule(owner=self.user, connection=connection, by=self.actor, now=self.now, **wanted)
        return self.respond(self.rows().get(pk=made.pk), status=201)

    @extend_schema(request=ScheduleChange, responses=ScheduleDetail)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Change it from now on. What was missed under the old times is not made up for."""
        row = self.object_for_change()
        wanted = self.body(ScheduleChange, partial=True)
        schedules.change_schedule(schedule=row, by=self.actor, now=self.now, version=row.version, **wanted)
        return self.respond(self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Hide it with its card; nothing fires any more. Its slots and their events stay."""
        schedules.delete_schedule(schedule=self.object_for_change(), by=self.actor, now=self.now)
        return Response(status=204)

    @extend_schema(request=SchedulePreviewInput, responses=SchedulePreviewSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:  # noqa: ARG002
        """The next five runs under settings that are not saved; refused as a save would be."""
        wanted = self.body(SchedulePreviewInput)
        wanted.pop("name", None)
        connection = self._clock(wanted.pop("connection_id", None))
        ids = wanted.pop("calendar_ids", ())
        calendars = schedules.calendars_of(connection, ids)
        return Response(shown_preview(schedules.preview_of(settings=wanted, calendars=calendars, now=self.now)))

    @extend_schema(request=None, responses=ScheduleDetail)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """No slot of it fires until it is resumed."""
        listeners.pause_listener(listener=self.object_for_change().listener, by=self.actor, now=self.now)
        return self.respond(self.get_object())

    @extend_schema(request=None, responses=ScheduleDetail)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Go on; its misfire policy says what becomes of the slots that were missed."""
        listeners.resume_listener(listener=self.object_for_change().listener, by=self.actor, now=self.now)
        return self.respond(self.get_object())

    @extend_schema(responses=SlotSerializer(many=True))
    @action(detail=True, methods=["get"])
    def slots(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What became of its slots, the newest first."""
        return self.page_of(self.get_object().slots.all(), SlotSerializer)

    def _clock(self, pk: int | None) -> Connection | None:
        clocks = visible(Connection.objects.filter(source=Source.SCHEDULE), user=self.user)
        found: Connection | None = self.seen(clocks, pk, "connection_id")
        return found


def shown_preview(preview: Preview) -> dict[str, Any]:
    """A preview as JSON."""
    runs = [
        {
            "slot": run.due.slot.key,
            "due_at": run.due.slot.at,
            "fires_at": run.due.fires_at,
            "local": run.local.isoformat(timespec="seconds"),
            "note": run.note,
        }
        for run in preview.runs
    ]
    return dict(SchedulePreviewSerializer({"runs": runs, "rests": list(preview.rests)}).data)
