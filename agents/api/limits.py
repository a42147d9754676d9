"""The global limits, and the switch that pauses every start."""

from typing import Any, ClassVar

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet
from accounts.operations import Operation
from agents.models import Limits
from agents.services.admission import pause_all, resume_all, update_limits
from dct_site.kernel.rest.etags import check_if_match
from dct_site.kernel.rest.inputs import Input, LineField, WholeField


class LimitsSerializer(serializers.ModelSerializer[Limits]):
    """How much may run at once. A limit of 0 means that nothing starts."""

    class Meta:
        model = Limits
        fields = (
            "max_agents",
            "max_workspaces",
            "reserved_percent",
            "reserved_from_priority",
            "backlog_after_s",
            "backlog_percent",
            "ageing_s",
            "is_paused",
            "paused_by",
            "paused_at",
            "pause_reason",
            "version",
        )
        read_only_fields = fields


class LimitsChange(Input):
    """What may be changed; what runs already goes on."""

    max_agents = WholeField(required=False)
    max_workspaces = WholeField(required=False)
    reserved_percent = WholeField(required=False)
    reserved_from_priority = WholeField(required=False)
    backlog_after_s = WholeField(required=False)
    backlog_percent = WholeField(required=False)
    ageing_s = WholeField(required=False)
    is_paused = serializers.BooleanField(required=False)
    pause_reason = LineField(required=False, allow_blank=True, max_length=300)


class LimitsViewSet(OperationViewSet):
    """The global limits: one row."""

    queryset = Limits.objects.all()
    serializer_class = LimitsSerializer
    operations: ClassVar = {"retrieve": Operation.VIEW, "partial_update": Operation.SET_LIMITS}

    @extend_schema(responses=LimitsSerializer)
    def retrieve(self, request: Request) -> Response:  # noqa: ARG002
        """The limits."""
        return self.respond(Limits.objects.get(pk=1))

    @extend_schema(request=LimitsChange, responses=LimitsSerializer)
    def partial_update(self, request: Request) -> Response:
        """Change some of them; ``is_paused`` pauses or resumes every start."""
        limits = Limits.objects.get(pk=1)
        check_if_match(request, limits)
        wanted = self.body(LimitsChange)
        is_paused, reason = wanted.pop("is_paused", None), wanted.pop("pause_reason", "")
        by: dict[str, Any] = {"by": self.actor, "now": self.now}
        with transaction.atomic():
            if wanted:
                limits = update_limits(version=limits.version, **by, **wanted)
            if is_paused is not None:
                limits = pause_all(reason=reason, **by) if is_paused else resume_all(**by)
        return self.respond(limits)
