"""Armed absences: what waits until when, what armed it, and what came of it."""

from typing import ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from dct_site.kernel.rest.filters import IdFilter, WordsFilter
from triggers.enums import WatchStatus
from triggers.models import Watch
from triggers.selectors.watches import watches_visible_to


class WatchSerializer(serializers.ModelSerializer[Watch]):
    """A silence of an item that a trigger waits for: it fires at ``due_at`` unless something comes before."""

    context_item_id = serializers.IntegerField(source="item_id")
    armed_by = serializers.IntegerField(source="armed_by_id", help_text="The event that began it.")
    ended_by = serializers.IntegerField(
        source="ended_by_id", allow_null=True, help_text="The event that disarmed it, or began it anew."
    )
    condition = serializers.CharField(help_text="Tells it from other absences of its trigger.")

    class Meta:
        model = Watch
        fields: tuple[str, ...] = (
            "id",
            "trigger_id",
            "context_item_id",
            "condition",
            "status",
            "armed_by",
            "armed_at",
            "due_at",
            "ended_by",
            "ended_at",
            "delivery_id",
            "reason",
        )
        read_only_fields = fields


class WatchFilter(filters.FilterSet):
    """Watches of a trigger, of an item, by how they stand."""

    trigger = IdFilter(field_name="trigger_id")
    context_item = IdFilter(field_name="item_id")
    status = WordsFilter(choices=WatchStatus.choices)

    class Meta:
        model = Watch
        fields = ()


class WatchViewSet(ReadingViewSet):
    """What waits for its time to be up."""

    queryset = Watch.objects.all()
    serializer_class = WatchSerializer
    filterset_class = WatchFilter
    operations: ClassVar = {"list": Operation.VIEW, "retrieve": Operation.VIEW}

    def rows(self) -> QuerySet[Watch]:
        return watches_visible_to(user=self.user)
