"""Agents: what they do and said, stopped and told something."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from accounts.permissions import visible
from agents.budget import MILLIONTHS
from agents.enums import AgentStatus
from agents.models import Agent, AgentMessage, AgentRun
from agents.services import intents
from dct_site.kernel.rest.filters import IdFilter, WordsFilter
from dct_site.kernel.rest.inputs import Input, LineField


class AgentOver(APIException):
    """Nobody would hear it any more."""

    status_code = 409
    default_code = "agent_over"
    default_detail = "This agent has ended, or is being stopped already."


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """An agent in a workspace. ``rounds`` counts how often the completion gate sent it back."""

    profile_name = serializers.CharField(source="profile.name")
    replaces = serializers.IntegerField(
        source="replaces_id", allow_null=True, help_text="The agent that it goes on after."
    )
    replaced_by = serializers.IntegerField(source="replaced_by.pk", default=None, allow_null=True)

    class Meta:
        model = Agent
        fields: tuple[str, ...] = (
            "id",
            "workspace_id",
            "profile_id",
            "profile_name",
            "replaces",
            "replaced_by",
            "status",
            "waits_for",
            "reason",
            "attempt",
            "rounds",
            "restored_from_id",
            "claims_done_at",
            "not_before",
            "deadline_at",
            "created_at",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[AgentRun]):
    """One supervised process of an agent. ``tokens`` and ``money`` are what it says that it used; null: nothing."""

    money = serializers.SerializerMethodField(help_text="In units of your currency.")

    class Meta:
        model = AgentRun
        fields = (
            "epoch",
            "status",
            "sandbox",
            "exit_code",
            "end_reason",
            "output_bytes",
            "last_message_seq",
            "tokens",
            "money",
            "began_at",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields

    def get_money(self, row: AgentRun) -> float | None:
        return None if row.money is None else row.money / MILLIONTHS


class AgentDetail(AgentSerializer):
    """An agent with its runs, the latest first."""

    runs = RunSerializer(many=True)

    class Meta(AgentSerializer.Meta):
        fields = (*AgentSerializer.Meta.fields, "runs")
        read_only_fields = fields


class MessageSerializer(serializers.ModelSerializer[AgentMessage]):
    """One typed line of a conversation; ``seq`` counts up per agent without gaps."""

    class Meta:
        model = AgentMessage
        fields = ("seq", "kind", "text", "data", "run_id", "at")
        read_only_fields = fields


class StopReason(Input):
    """Why it is stopped."""

    reason = LineField(required=False, allow_blank=True, default="", max_length=1000)


class MessageInput(Input):
    """What the agent is told."""

    text = LineField(max_length=intents.TEXT_LIMIT, trim_whitespace=False)


class Wished(serializers.Serializer[Any]):
    """The wish, which the supervisor settles."""

    intent = serializers.IntegerField()


class AgentFilter(filters.FilterSet):
    """Agents of a workspace or a profile, by status."""

    workspace = IdFilter(field_name="workspace_id")
    profile = IdFilter(field_name="profile_id")
    status = WordsFilter(choices=AgentStatus.choices)

    class Meta:
        model = Agent
        fields = ()


class _After(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False)


class AgentViewSet(ReadingViewSet):
    """Agents."""

    queryset = Agent.objects.all()
    serializer_class = AgentSerializer
    detail_serializer_class = AgentDetail
    filterset_class = AgentFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "messages": Operation.VIEW_RAW,
        "stop": Operation.CONTROL_AGENTS,
        "message": Operation.CONTROL_AGENTS,
    }

    def rows(self) -> QuerySet[Agent]:
        rows = visible(Agent.objects.select_related("profile", "replaced_by"), user=self.user)
        return rows if self.action == "list" else rows.prefetch_related("runs")

    @extend_schema(
        parameters=[OpenApiParameter("after", int, description="Only messages after this seq.")],
        responses=MessageSerializer(many=True),
        filters=False,
    )
    @action(detail=True, methods=["get"])
    def messages(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What was said, in order."""
        wanted = _After(data=request.query_params.dict())
        wanted.is_valid(raise_exception=True)
        rows = AgentMessage.objects.filter(agent_id=self.get_object().pk)
        if "after" in wanted.validated_data:
            rows = rows.filter(seq__gt=wanted.validated_data["after"])
        return self.page_of(rows, MessageSerializer, keyset="seq")

    @extend_schema(request=StopReason, responses={202: Wished})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Stop it with its whole process tree; what it said is kept."""
        row, reason = self.get_object(), self.body(StopReason)["reason"]
        return _wished(intents.stop(agent=row, by=self.actor, now=self.now, reason=reason))

    @extend_schema(request=MessageInput, responses={202: Wished})
    @action(detail=True, methods=["post"])
    def message(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Tell it something: at once where its runtime reads while it works, else with its next run."""
        row, text = self.get_object(), self.body(MessageInput)["text"]
        return _wished(intents.tell(agent=row, text=text, by=self.actor, now=self.now))


def _wished(intent: Any) -> Response:
    if intent is None:
        raise AgentOver
    return Response({"intent": intent.pk}, status=202)
