"""The audit log: who changed what, when, through which door."""

from typing import ClassVar

from django_filters import rest_framework as filters
from rest_framework import serializers

from accounts.api.base import ReadingViewSet
from accounts.enums import Via
from accounts.models import AuditEntry
from accounts.operations import Operation
from dct_site.kernel.rest.filters import IdFilter, WordFilter


class AuditSerializer(serializers.ModelSerializer[AuditEntry]):
    """One change. ``before`` and ``after`` hold field names and values, secrets redacted."""

    actor = serializers.CharField(source="actor_label")
    actor_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "at",
            "actor",
            "actor_id",
            "via",
            "action",
            "kind",
            "object_id",
            "object_label",
            "before",
            "after",
            "position",
            "previous_hash",
            "hash",
        )
        read_only_fields = fields


class AuditFilter(filters.FilterSet):
    """Entries about one thing, of one kind of change, by one person, in a span of time."""

    actor = IdFilter(field_name="actor_id")
    object = IdFilter(field_name="object_id")
    via = WordFilter(choices=Via.choices)
    at_from = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    at_to = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields = ("kind", "action")


class AuditViewSet(ReadingViewSet):
    """What was changed; CEO and sales see entries of their own and about their own things."""

    queryset = AuditEntry.objects.order_by("-id")
    serializer_class = AuditSerializer
    filterset_class = AuditFilter
    viewing = Operation.READ_AUDIT
    operations: ClassVar = {"list": Operation.READ_AUDIT, "retrieve": Operation.READ_AUDIT}
