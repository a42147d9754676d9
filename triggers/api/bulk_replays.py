"""Bulk replays: a window is looked at, confirmed with the number that was shown, and worked off at its own pace."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.inputs import IdField, LineField, WholeField
from triggers.api.replays import MannerInput, manner_of
from triggers.enums import BulkKind, Outcome, RevisionChoice
from triggers.models import BulkReplay
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.replays import bulk as bulk_replay
from triggers.services.replays.bulk import MOST_AT_ONCE, Preview
from triggers.services.replays.bulk_wish import ANSWERS, Filters, Wish
from workspaces.selectors.library import items_visible_to

_ANSWERS = [(one.value, Outcome(one).label) for one in ANSWERS]


class WishInput(MannerInput):
    """What to repeat: ``events`` decided, or refused ``deliveries`` received, from ``since`` to before ``until``.

    Events may be narrowed by connection, type, item (and what hangs under it) and trigger. A ``trigger`` alone is asked
    again, about what it hears, or what it answered with ``answer``; without one everybody who listens is asked.
    """

    kind = serializers.ChoiceField(choices=BulkKind.choices, default=BulkKind.EVENTS.value)
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    connection = IdField(required=False, allow_null=True, default=None)
    type = LineField(required=False, allow_blank=True, default="", max_length=100)
    item = IdField(required=False, allow_null=True, default=None)
    trigger = IdField(required=False, allow_null=True, default=None)
    answer = serializers.ChoiceField(choices=_ANSWERS, required=False, allow_blank=True, default="")
    revision = serializers.ChoiceField(choices=RevisionChoice.choices, default=RevisionChoice.NOW.value)
    concurrency = WholeField(min_value=1, max_value=MOST_AT_ONCE, default=1, help_text="So many under way at once.")


class StartInput(WishInput):
    """The same with what its preview answered: whoever confirms has seen the number."""

    count = WholeField(min_value=0, max_value=2**31 - 1)
    confirmation = LineField(max_length=5_000)


class PreviewAnswer(serializers.Serializer[Any]):
    """What would be repeated. ``sample`` holds the ids of the first ones, ``purged`` how many will be skipped for they
    have no content any more.
    """

    count = serializers.IntegerField()
    purged = serializers.IntegerField()
    sample = serializers.SerializerMethodField()
    confirmation = serializers.CharField()

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_sample(self, one: Preview) -> list[int]:
        return [row.pk for row in one.sample]


class BulkReplaySerializer(serializers.ModelSerializer[BulkReplay]):
    """One bulk replay and how far it is; ``skips`` says why some were left out ({code: how many})."""

    trigger = serializers.IntegerField(source="trigger_id", allow_null=True)
    draft = serializers.BooleanField(source="is_draft")
    done = serializers.SerializerMethodField(help_text="Replayed or skipped.")
    by = serializers.CharField(source="created_by.username")

    class Meta:
        model = BulkReplay
        fields = (
            "id",
            "kind",
            "status",
            "reason",
            "filters",
            "trigger",
            "revision",
            "draft",
            "priority",
            "concurrency",
            "total",
            "done",
            "replayed",
            "skipped",
            "skips",
            "by",
            "created_at",
            "ended_at",
        )
        read_only_fields = fields

    def get_done(self, row: BulkReplay) -> int:
        return row.replayed + row.skipped


class BulkReplayViewSet(ReadingViewSet):
    """Bulk replays."""

    queryset = BulkReplay.objects.select_related("created_by")
    serializer_class = BulkReplaySerializer
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "create": Operation.FIRE,
        "preview": Operation.FIRE,
        "pause": Operation.FIRE,
        "resume": Operation.FIRE,
        "cancel": Operation.FIRE,
    }

    @extend_schema(request=StartInput, responses={201: BulkReplaySerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Begin what a preview showed; 409 where that has changed since."""
        wanted = self.body(StartInput)
        row = bulk_replay.start(
            wish=self._wish(wanted),
            count=wanted["count"],
            confirmation=wanted["confirmation"],
            user=self.user,
            by=self.actor,
            now=self.now,
        )
        return self.respond(row, status=201)

    @extend_schema(request=WishInput, responses=PreviewAnswer)
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request) -> Response:  # noqa: ARG002
        """How many would be repeated, and the first of them; nothing happens."""
        seen = bulk_replay.preview(wish=self._wish(self.body(WishInput)), user=self.user)
        return Response(PreviewAnswer(seen).data)

    @extend_schema(request=None, responses=BulkReplaySerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Ask about nothing more for now; what was asked goes on."""
        return self.respond(bulk_replay.pause(bulk=self.get_object(), by=self.actor, now=self.now))

    @extend_schema(request=None, responses=BulkReplaySerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Go on where it stopped."""
        return self.respond(bulk_replay.resume(bulk=self.get_object(), by=self.actor, now=self.now))

    @extend_schema(request=None, responses=BulkReplaySerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Ask about nothing more, for good."""
        return self.respond(bulk_replay.cancel(bulk=self.get_object(), by=self.actor, now=self.now))

    def _wish(self, wanted: dict[str, Any]) -> Wish:
        connections = visible(Connection.objects.all(), user=self.user)
        connection = self.seen(connections, wanted["connection"], "connection")
        item = self.seen(items_visible_to(user=self.user), wanted["item"], "item")
        trigger = self.seen(triggers_visible_to(user=self.user), wanted["trigger"], "trigger")
        if trigger is not None:
            self.require(Operation.FIRE, trigger)
        filters = Filters(
            connection_id=connection.pk if connection is not None else None,
            event_type=wanted["type"],
            item_id=item.pk if item is not None else None,
            answer=wanted["answer"],
        )
        return Wish(
            kind=BulkKind(wanted["kind"]),
            since=wanted["since"],
            until=wanted["until"],
            filters=filters,
            trigger=trigger,
            manner=manner_of(wanted),
            concurrency=wanted["concurrency"],
        )
