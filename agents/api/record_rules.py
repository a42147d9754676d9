"""How long records of replaced agents are kept, how many and how much: everywhere, by template, by workspace."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet
from accounts.operations import Operation
from accounts.permissions import visible
from agents.models import RecordRule
from agents.selectors.record_rules import Scope, days_of, holding_of
from agents.services.record_rules import BOUNDS, change_rule, preview
from dct_site.kernel.clock import utcnow
from dct_site.kernel.rest.inputs import IdField, Input, WholeField
from workspaces.models import Workspace, WorkspaceTemplate


class HoldingSerializer(serializers.Serializer[Any]):
    """What a rule covers, and what of it goes by it with the next round; sizes in bytes, as they are stored."""

    records = serializers.IntegerField()
    bytes = serializers.IntegerField()
    pinned = serializers.IntegerField()
    going_records = serializers.IntegerField()
    going_bytes = serializers.IntegerField()


class RuleSerializer(serializers.ModelSerializer[RecordRule]):
    """One rule; that for everywhere has neither workspace nor template. null: nothing is said. ``days`` are those that
    hold.
    """

    days = serializers.SerializerMethodField()
    holding = serializers.SerializerMethodField()

    class Meta:
        model = RecordRule
        fields = ("id", "workspace_id", "template_id", *BOUNDS, "days", "holding", "version")
        read_only_fields = fields

    def get_days(self, row: RecordRule) -> int:
        return days_of(row)

    @extend_schema_field(HoldingSerializer)
    def get_holding(self, row: RecordRule) -> dict[str, Any]:
        return dict(HoldingSerializer(holding_of(row, now=utcnow())).data)


def _bounded(name: str) -> WholeField:
    low, high = BOUNDS[name]
    return WholeField(required=False, allow_null=True, min_value=low, max_value=high)


class RuleInput(Input):
    """A rule: of one workspace, of one template, or (neither given) everywhere. What is left out stays."""

    workspace_id = IdField(required=False, allow_null=True)
    template_id = IdField(required=False, allow_null=True)
    max_days = _bounded("max_days")
    max_count = _bounded("max_count")
    max_bytes = _bounded("max_bytes")


class RecordRuleViewSet(ListModelMixin, OperationViewSet):
    """Rules."""

    queryset = RecordRule.objects.all()
    serializer_class = RuleSerializer
    operations: ClassVar = {
        "list": Operation.VIEW,
        "create": Operation.SET_LIMITS,
        "preview": Operation.SET_LIMITS,
    }

    @extend_schema(request=RuleInput, responses=RuleSerializer)
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Set a rule; the one that is there already is changed."""
        scope, values = self._wanted()
        return self.respond(change_rule(scope=scope, by=self.actor, now=self.now, **values))

    @extend_schema(request=RuleInput, responses=HoldingSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:  # noqa: ARG002
        """What would go at once if the rule were set; nothing is changed."""
        scope, values = self._wanted()
        return Response(HoldingSerializer(preview(scope=scope, now=self.now, **values)).data)

    def _wanted(self) -> tuple[Scope, dict[str, Any]]:
        wanted = self.body(RuleInput)
        rows = {"workspace_id": Workspace.objects.all(), "template_id": WorkspaceTemplate.objects.all()}
        scopes = [
            self.seen(visible(known, user=self.user), wanted.pop(name, None), name) for name, known in rows.items()
        ]
        given = [scope for scope in scopes if scope is not None]
        if len(given) > 1:
            raise ValidationError({"template_id": ["Give a workspace or a template, not both."]}, code="invalid")
        return (given[0] if given else None), wanted
