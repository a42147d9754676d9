"""Deliverables: what an agent must bring, and what each check of it found."""

from typing import ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import Input, LineField
from deliverables.enums import DeliverableStatus
from deliverables.models import Check, Deliverable
from deliverables.selectors import deliverables_visible_to


class CheckSerializer(serializers.ModelSerializer[Check]):
    """The latest verdict of one rule."""

    class Meta:
        model = Check
        fields = ("rule", "status", "expected", "found", "checked_at")
        read_only_fields = fields


class DeliverableSerializer(serializers.ModelSerializer[Deliverable]):
    """One required output with its checks."""

    required = serializers.BooleanField(source="is_required")  # type: ignore[assignment]
    waived_by = serializers.CharField(source="waived_by.username", default=None, allow_null=True)
    checks = CheckSerializer(many=True)

    class Meta:
        model = Deliverable
        fields = (
            "id",
            "workspace_id",
            "name",
            "kind",
            "target",
            "rules",
            "required",
            "status",
            "deadline_at",
            "checked_at",
            "waived_by",
            "waive_reason",
            "checks",
        )
        read_only_fields = fields


class WaiverReason(Input):
    """Why it is not asked for any more; the reason is kept."""

    reason = LineField(max_length=1000)


class DeliverableFilter(filters.FilterSet):
    """Deliverables of a workspace, by status."""

    workspace = IdFilter(field_name="workspace_id")
    status = filters.MultipleChoiceFilter(choices=DeliverableStatus.choices)

    class Meta:
        model = Deliverable
        fields = ("kind",)


class DeliverableViewSet(ReadingViewSet):
    """Deliverables and their checks."""

    queryset = Deliverable.objects.all()
    serializer_class = DeliverableSerializer
    filterset_class = DeliverableFilter
    operations: ClassVar[dict[str, Operation]] = {"list": Operation.VIEW, "retrieve": Operation.VIEW}

    def rows(self) -> QuerySet[Deliverable]:
        return deliverables_visible_to(user=self.user)
