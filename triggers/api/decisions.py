"""Decisions: what triggers answered."""

from typing import ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from dct_site.kernel.rest.filters import IdFilter
from triggers.enums import Outcome, Suppression
from triggers.models import Decision
from triggers.selectors.decisions import decisions_visible_to
from triggers.services.keeping.tombstones import gone_since


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """One trigger's stored answer to one event; a plain "not matched" is not stored (``explain`` tells it)."""

    revision = serializers.IntegerField(source="revision.number")
    trigger_name = serializers.CharField(source="trigger.name")
    note = serializers.SerializerMethodField(help_text="Since when its reasons are no longer kept, as a sentence.")

    class Meta:
        model = Decision
        fields: tuple[str, ...] = (
            "id",
            "event_id",
            "trigger_id",
            "trigger_name",
            "revision",
            "outcome",
            "suppressed_by",
            "until",
            "detail",
            "at",
            "purged_at",
            "note",
        )
        read_only_fields = fields

    def get_note(self, row: Decision) -> str:
        return gone_since(row.purged_at, "The reason")


class DecisionDetail(DecisionSerializer):
    """A decision with its reasons."""

    class Meta(DecisionSerializer.Meta):
        fields = (*DecisionSerializer.Meta.fields, "because", "facts")
        read_only_fields = fields


class DecisionFilter(filters.FilterSet):
    """Decisions about an event, of a trigger, by outcome."""

    event = IdFilter(field_name="event_id")
    trigger = IdFilter(field_name="trigger_id")
    outcome = filters.MultipleChoiceFilter(choices=Outcome.choices)
    suppressed_by = filters.MultipleChoiceFilter(choices=Suppression.choices)

    class Meta:
        model = Decision
        fields = ()


class DecisionViewSet(ReadingViewSet):
    """Answers that triggers gave."""

    queryset = Decision.objects.all()
    serializer_class = DecisionSerializer
    detail_serializer_class = DecisionDetail
    filterset_class = DecisionFilter
    operations: ClassVar = {"list": Operation.VIEW, "retrieve": Operation.VIEW}

    def rows(self) -> QuerySet[Decision]:
        return decisions_visible_to(user=self.user)
