"""Executions: what a firing asked for, its steps, attempts, agents and deliverables; and what people do about it."""

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
from agents.models import Agent
from dct_site.kernel.rest.filters import IdFilter, WordsFilter
from dct_site.kernel.rest.inputs import Input, LineField
from deliverables.api.deliverables import DeliverableSerializer
from triggers.api.matching import MatchingSerializer
from triggers.api.replays import Accepted
from triggers.enums import Attention, ExecutionStatus, Failure, FiringRole
from triggers.models import Attempt, Execution, ExecutionStep
from triggers.selectors.executions import Detail, detail_of, executions_visible_to
from triggers.selectors.failures import OF_EXECUTIONS, failed_at, failure_of
from triggers.selectors.trail import LegState
from triggers.services import attention, executions
from workspaces.api.workspaces import Reason

FAILURES = [(one.value, one.label) for one in OF_EXECUTIONS]
LEG_STATES = [(one.value, one.value) for one in LegState]


class StepSerializer(serializers.ModelSerializer[ExecutionStep]):
    """One step."""

    class Meta:
        model = ExecutionStep
        fields = ("name", "status", "started_at", "ended_at", "error")
        read_only_fields = fields


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    """One try, from its admission to its end."""

    class Meta:
        model = Attempt
        fields = ("number", "started_at", "ended_at", "outcome", "error")
        read_only_fields = fields


class LegSerializer(serializers.Serializer[Any]):
    """One leg of the trail, from the change outside to the proof; ``ms`` is null where it has not begun."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=LEG_STATES)
    ms = serializers.FloatField(allow_null=True)
    note = serializers.CharField()


class TakenInSerializer(serializers.Serializer[Any]):
    """An event that the execution took in while it waited."""

    event = serializers.IntegerField(source="event_id")
    role = serializers.ChoiceField(choices=FiringRole.choices)


class AgentAtWork(serializers.ModelSerializer[Agent]):
    """An agent of the execution, in short."""

    profile_name = serializers.CharField(source="profile.name")

    class Meta:
        model = Agent
        fields = ("id", "profile_id", "profile_name", "status", "reason", "started_at", "ended_at")
        read_only_fields = fields


class ExecutionSerializer(serializers.ModelSerializer[Execution]):
    """One execution."""

    trigger = serializers.IntegerField(source="trigger_id")
    trigger_name = serializers.CharField(source="trigger.name")
    revision = serializers.IntegerField(source="revision.number")
    event = serializers.IntegerField(source="event_id")
    context_item_id = serializers.IntegerField(source="item_id_at_start", allow_null=True)
    workspace = serializers.IntegerField(source="workspace_id", allow_null=True)
    event_count = serializers.IntegerField(help_text="How many events it is about: its own, and those that it took in.")
    replaced_by = serializers.IntegerField(
        source="replaced_by_id", allow_null=True, help_text="The execution of the newer event that cancelled it."
    )
    given_to = serializers.IntegerField(
        source="news.agent_id", default=None, allow_null=True, help_text="The agent at work that is told of it."
    )
    matching = serializers.SerializerMethodField(help_text="Null where its strategy asked for a fresh agent.")
    failure = serializers.SerializerMethodField(help_text="Where it failed; null for one that did not.")
    steps = StepSerializer(many=True)

    class Meta:
        model = Execution
        fields: tuple[str, ...] = (
            "id",
            "trigger",
            "trigger_name",
            "revision",
            "event",
            "context_item_id",
            "event_count",
            "workspace",
            "status",
            "attention",
            "reason",
            "replaced_by",
            "given_to",
            "matching",
            "failure",
            "priority",
            "attempt",
            "max_attempts",
            "queued_at",
            "not_before",
            "expires_at",
            "started_at",
            "deadline_at",
            "ended_at",
            "dead_lettered_at",
            "steps",
        )
        read_only_fields = fields

    @extend_schema_field(MatchingSerializer(allow_null=True))
    def get_matching(self, row: Execution) -> dict[str, Any] | None:
        return row.matching or None

    @extend_schema_field(serializers.ChoiceField(choices=Failure.choices, allow_null=True))
    def get_failure(self, row: Execution) -> str | None:
        return failure_of(row)


class ExecutionDetail(ExecutionSerializer):
    """One execution with all that belongs to it; ``position`` and ``waits_for`` are set while it waits for a start."""

    position = serializers.IntegerField(allow_null=True)
    waits_for = serializers.CharField()
    took_in = TakenInSerializer(many=True, help_text="The newest hundred, oldest first.")
    replaces = serializers.ListField(
        child=serializers.IntegerField(), help_text="The executions that were cancelled for it."
    )
    trail = LegSerializer(many=True)
    attempts = AttemptSerializer(many=True)
    agents = AgentAtWork(many=True)
    deliverables = DeliverableSerializer(many=True)

    class Meta(ExecutionSerializer.Meta):
        fields = (
            *ExecutionSerializer.Meta.fields,
            "position",
            "waits_for",
            "took_in",
            "replaces",
            "trail",
            "attempts",
            "agents",
            "deliverables",
        )
        read_only_fields = fields


class Answer(Input):
    """What the waiting agent is told."""

    text = LineField(max_length=20_000, trim_whitespace=False)


class Deadline(Input):
    """Until when it may work, or wait for a person."""

    until = serializers.DateTimeField()


class ExecutionFilter(filters.FilterSet):
    """Executions of an event, a trigger, about an item, by status, by where it failed and by what a person must do."""

    event = IdFilter(field_name="event_id")
    trigger = IdFilter(field_name="trigger_id")
    item = IdFilter(field_name="item_id_at_start")
    workspace = IdFilter(field_name="workspace_id")
    status = WordsFilter(choices=ExecutionStatus.choices)
    attention = WordsFilter(choices=Attention.choices)
    failure = WordsFilter(choices=FAILURES, method="failed_at")
    is_dead_lettered = filters.BooleanFilter(field_name="dead_lettered_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Execution
        fields = ()

    def failed_at(self, rows: QuerySet[Execution], _name: str, failures: list[str]) -> QuerySet[Execution]:
        return failed_at(rows, failures) if failures else rows


class ExecutionViewSet(ReadingViewSet):
    """Executions."""

    queryset = Execution.objects.all()
    serializer_class = ExecutionSerializer
    detail_serializer_class = ExecutionDetail
    filterset_class = ExecutionFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "cancel": Operation.FIRE,
        "retry": Operation.FIRE,
        "extend_deadline": Operation.FIRE,
        "answer": Operation.WAIVE,
        "approve": Operation.ACTIVATE_WORKSPACES,
        "reject": Operation.ACTIVATE_WORKSPACES,
    }

    def rows(self) -> QuerySet[Execution]:
        return executions_visible_to(user=self.user)

    @extend_schema(responses=ExecutionDetail)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002
        """One execution with all that belongs to it."""
        return self._detailed(self.get_object())

    @extend_schema(request=Reason, responses=ExecutionDetail)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """End it wherever it is; its agents are stopped with all they started."""
        row, reason = self.get_object(), self.body(Reason)["reason"]
        return self._after(executions.cancel(execution=row, by=self.actor, now=self.now, reason=reason))

    @extend_schema(request=None, responses={202: Accepted})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Ask its trigger again about its event; what ended stays as it is."""
        receipt = executions.retry(execution=self.get_object(), by=self.actor, now=self.now)
        return Response({"delivery": receipt.delivery_id}, status=202)

    @extend_schema(request=Deadline, responses=ExecutionDetail)
    @action(detail=True, methods=["post"], url_path="extend-deadline")
    def extend_deadline(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Give it more time."""
        row, until = self.get_object(), self.body(Deadline)["until"]
        return self._after(executions.extend_deadline(execution=row, until=until, by=self.actor, now=self.now))

    @extend_schema(request=Answer, responses=ExecutionDetail)
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Tell the agent that waits what it needs to know; it goes on with that."""
        row, text = self.get_object(), self.body(Answer)["text"]
        return self._after(attention.answer(execution=row, text=text, by=self.actor, now=self.now))

    @extend_schema(request=None, responses=ExecutionDetail)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Let a reviewed draft be worked on."""
        return self._after(attention.approve(execution=self.get_object(), by=self.actor, now=self.now))

    @extend_schema(request=Reason, responses=ExecutionDetail)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """End a draft that nobody wants."""
        row, reason = self.get_object(), self.body(Reason)["reason"]
        return self._after(attention.reject(execution=row, by=self.actor, now=self.now, reason=reason))

    def _after(self, row: Execution) -> Response:
        """The row as it is now, read again with all that belongs to it."""
        return self._detailed(executions_visible_to(user=self.user).get(pk=row.pk))

    def _detailed(self, row: Execution) -> Response:
        return Response(shown(detail_of(row, now=self.now)))


def shown(detail: Detail) -> dict[str, Any]:
    """The JSON of one execution with all that belongs to it."""
    return {
        **ExecutionSerializer(detail.execution).data,
        "position": detail.position,
        "waits_for": detail.waits_for,
        "took_in": TakenInSerializer(detail.took_in, many=True).data,
        "replaces": list(detail.replaces),
        "trail": LegSerializer(detail.legs, many=True).data,
        "attempts": AttemptSerializer(detail.attempts, many=True).data,
        "agents": AgentAtWork(detail.agents, many=True).data,
        "deliverables": DeliverableSerializer(detail.deliverables, many=True).data,
    }
