"""Agents that were replaced or stopped: what is kept of them, read by range, compared, pinned, gone on from."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from accounts.permissions import may
from agents.api.agents import AgentSerializer
from agents.models import Agent, ObsoleteAgentRecord
from agents.selectors.agents import agents_visible_to
from agents.selectors.records import changed_files, lines_of, records_visible_to
from agents.services import record_rules, restoring
from agents.services.comparing import IsGone, Side, compare
from dct_site.kernel.rest.filters import IdFilter

MOST_AT_ONCE = 500
_RANGE = [
    OpenApiParameter("after", int, description="Only what comes after this number (0: from the beginning)."),
    OpenApiParameter("limit", int, description=f"How many at most, 1 to {MOST_AT_ONCE}; 100 unless told."),
]


class ObsoleteSerializer(serializers.ModelSerializer[ObsoleteAgentRecord]):
    """A replaced or stopped agent, and why. What it said and did to its files is read by range (``messages``,
    ``changes``). With ``purged_at`` nothing but this is kept any more.
    """

    profile = serializers.DictField(help_text="The profile as it was.")
    by = serializers.CharField(source="by_label")

    class Meta:
        model = ObsoleteAgentRecord
        fields: tuple[str, ...] = (
            "id",
            "agent_id",
            "workspace_id",
            "profile",
            "message_count",
            "conversation_size",
            "change_count",
            "is_changes_cut",
            "stored_bytes",
            "reason",
            "by",
            "at",
            "pinned_at",
            "pinned_by",
            "purged_at",
        )
        read_only_fields = fields


class ObsoleteDetail(ObsoleteSerializer):
    """The same with its checkpoint (null for those who may not look at conversations), and why nothing can be restored
    from it now (empty: it can).
    """

    checkpoint = serializers.SerializerMethodField()
    not_restorable = serializers.SerializerMethodField()

    class Meta(ObsoleteSerializer.Meta):
        fields = (*ObsoleteSerializer.Meta.fields, "checkpoint", "not_restorable")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_checkpoint(self, row: ObsoleteAgentRecord) -> dict[str, Any] | None:
        return row.checkpoint if may(self.context["request"].user, Operation.VIEW_RAW, row) else None

    def get_not_restorable(self, row: ObsoleteAgentRecord) -> str:
        return restoring.why_not(row)


class KeptMessage(serializers.Serializer[Any]):
    """One line of the kept conversation."""

    seq = serializers.IntegerField()
    kind = serializers.CharField()
    text = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]
    at = serializers.DateTimeField()


class KeptMessages(serializers.Serializer[Any]):
    """A range of them; ``next_after`` is where the next begins, null at the end."""

    results = KeptMessage(many=True)
    next_after = serializers.IntegerField(allow_null=True)


class ChangedFile(serializers.Serializer[Any]):
    """A file that differs from what the workspace began with: ``added``, ``changed`` or ``removed``. ``diff`` is empty
    where it is not quoted: no text, too large, hidden, or too many.
    """

    path = serializers.CharField()
    change = serializers.CharField()
    size = serializers.IntegerField()
    size_before = serializers.IntegerField()
    diff = serializers.CharField()


class ChangedFiles(serializers.Serializer[Any]):
    """A range of them; ``next_after`` is where the next begins, null at the end."""

    results = ChangedFile(many=True)
    next_after = serializers.IntegerField(allow_null=True)


class ComparedSide(serializers.Serializer[Any]):
    """One of the two. ``record_id`` is null for an agent as it is now."""

    agent_id = serializers.IntegerField(source="agent.pk")
    record_id = serializers.SerializerMethodField()
    profile = serializers.DictField()
    checkpoint = serializers.DictField()
    messages = serializers.IntegerField()
    reason = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_record_id(self, side: Side) -> int | None:
        return side.record.pk if side.record is not None else None


class FilePairSerializer(serializers.Serializer[Any]):
    """A file that differs on either side; null where on that side it does not."""

    path = serializers.CharField()
    left = ChangedFile(allow_null=True)
    right = ChangedFile(allow_null=True)
    is_same = serializers.BooleanField()


class ComparisonSerializer(serializers.Serializer[Any]):
    """``same_messages``: how many messages are alike from the beginning; ``is_cut``: no more were looked at. ``files``
    is null where one side was never looked at.
    """

    left = ComparedSide()
    right = ComparedSide()
    same_messages = serializers.IntegerField()
    is_cut = serializers.BooleanField()
    profile_differs = serializers.ListField(child=serializers.CharField())
    checkpoint_differs = serializers.BooleanField()
    files = FilePairSerializer(many=True, allow_null=True)


class _Range(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    limit = serializers.IntegerField(min_value=1, max_value=MOST_AT_ONCE, default=100)


class _Other(serializers.Serializer[Any]):
    with_record = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    with_agent = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class ObsoleteFilter(filters.FilterSet):
    """Records of a workspace or an agent; pinned ones; those that still hold something."""

    workspace = IdFilter(field_name="workspace_id")
    agent = IdFilter(field_name="agent_id")
    is_pinned = filters.BooleanFilter(field_name="pinned_at", lookup_expr="isnull", exclude=True)
    is_purged = filters.BooleanFilter(field_name="purged_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ObsoleteAgentRecord
        fields = ()


class ObsoleteViewSet(ReadingViewSet):
    """Agents that were replaced or stopped."""

    queryset = ObsoleteAgentRecord.objects.all()
    serializer_class = ObsoleteSerializer
    detail_serializer_class = ObsoleteDetail
    filterset_class = ObsoleteFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "messages": Operation.VIEW_RAW,
        "changes": Operation.VIEW_RAW,
        "compare": Operation.VIEW_RAW,
        "pin": Operation.CONTROL_AGENTS,
        "unpin": Operation.CONTROL_AGENTS,
        "restore": Operation.CONTROL_AGENTS,
    }

    def rows(self) -> QuerySet[ObsoleteAgentRecord]:
        return records_visible_to(user=self.user)

    @extend_schema(parameters=_RANGE, responses=KeptMessages, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def messages(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What was said, in order; only the parts that this range lies in are unpacked."""
        row, wanted = self._kept(), self._wanted()
        lines = lines_of(row, after=wanted["after"], limit=wanted["limit"] + 1)
        found, more = _first(lines, wanted["limit"])
        return Response({"results": found, "next_after": found[-1]["seq"] if more else None})

    @extend_schema(parameters=_RANGE, responses=ChangedFiles, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def changes(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Files that differ from those its workspace began with, in the order of their paths."""
        row, wanted = self._kept(), self._wanted()
        lines = iter(changed_files(row, after=wanted["after"], limit=wanted["limit"] + 1))
        found, more = _first(lines, wanted["limit"])
        return Response({"results": found, "next_after": wanted["after"] + len(found) if more else None})

    @extend_schema(
        parameters=[
            OpenApiParameter("with_record", int, description="Another record,"),
            OpenApiParameter("with_agent", int, description="or an agent as it is now."),
        ],
        responses=ComparisonSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def compare(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """This record beside another, or beside an agent: one of ``with_record`` and ``with_agent`` is given."""
        row = self.get_object()
        wanted = _Other(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        return Response(ComparisonSerializer(compare(row, self._other(**wanted.validated_data))).data)

    @extend_schema(request=None, responses=ObsoleteDetail)
    @action(detail=True, methods=["post"])
    def pin(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """It stays, whatever the rules say; erasing takes it all the same."""
        row = self._kept()
        record_rules.pin(record=row, by=self.actor, now=self.now)
        return self.respond(row)

    @extend_schema(request=None, responses=ObsoleteDetail)
    @action(detail=True, methods=["post"])
    def unpin(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """The rules hold for it again."""
        row = self.get_object()
        record_rules.unpin(record=row, by=self.actor, now=self.now)
        return self.respond(row)

    @extend_schema(request=None, responses={202: AgentSerializer})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """A new agent goes on where this one was: its conversation, its checkpoint, in its workspace."""
        agent = restoring.restore(record=self.get_object(), by=self.actor, now=self.now)
        return Response(AgentSerializer(agent).data, status=202)

    def _kept(self) -> ObsoleteAgentRecord:
        row: ObsoleteAgentRecord = self.get_object()
        if row.purged_at is not None:
            raise IsGone(row)
        return row

    def _wanted(self) -> dict[str, int]:
        wanted = _Range(data=self.request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        return dict(wanted.validated_data)

    def _other(self, with_record: int | None = None, with_agent: int | None = None) -> ObsoleteAgentRecord | Agent:
        records = records_visible_to(user=self.user, operation=Operation.VIEW_RAW)
        agents = agents_visible_to(user=self.user, operation=Operation.VIEW_RAW)
        record: ObsoleteAgentRecord | None = self.seen(records, with_record, "with_record")
        agent: Agent | None = self.seen(agents, with_agent, "with_agent")
        if record is not None and agent is None:
            return record
        if agent is not None and record is None:
            return agent
        raise ValidationError({"with_record": ["Give one of with_record and with_agent."]}, code="required")


def _first(rows: Iterator[dict[str, Any]], count: int) -> tuple[list[dict[str, Any]], bool]:
    """The first of them, and whether there are more."""
    found = list(islice(rows, count + 1))
    return found[:count], len(found) > count
