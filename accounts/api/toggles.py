"""Feature toggles: features that are switched on or off for everyone."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet, whole_list
from accounts.enums import Toggle
from accounts.models import FeatureToggle
from accounts.operations import Operation
from accounts.services import people
from dct_site.kernel.rest.inputs import Input


class ToggleSerializer(serializers.Serializer[Any]):
    """One feature. ``changed_at`` is null where nobody ever switched it."""

    key = serializers.ChoiceField(choices=Toggle.choices)
    label = serializers.CharField()  # type: ignore[assignment]
    is_on = serializers.BooleanField()
    changed_at = serializers.DateTimeField(allow_null=True)


class ToggleChange(Input):
    """On or off."""

    is_on = serializers.BooleanField()


_KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, enum=Toggle.values)


class ToggleViewSet(OperationViewSet):
    """Features and whether they are on; one that nobody switched is."""

    queryset = FeatureToggle.objects.order_by("key")
    serializer_class = ToggleSerializer
    filterset_fields: ClassVar = ()
    lookup_field = "key"
    lookup_value_regex = "|".join(Toggle.values)
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "partial_update": Operation.FLIP_TOGGLES,
    }

    @extend_schema(responses=ToggleSerializer(many=True))
    def list(self, request: Request) -> Response:  # noqa: ARG002
        """Every feature."""
        rows = FeatureToggle.objects.in_bulk(field_name="key")
        return whole_list([_shown(key, rows.get(key)) for key in Toggle])

    @extend_schema(parameters=[_KEY], responses=ToggleSerializer)
    def retrieve(self, request: Request, key: str) -> Response:  # noqa: ARG002
        """One feature."""
        return Response(_shown(Toggle(key), FeatureToggle.objects.filter(key=key).first()))

    @extend_schema(parameters=[_KEY], request=ToggleChange, responses=ToggleSerializer)
    def partial_update(self, request: Request, key: str) -> Response:  # noqa: ARG002
        """Switch a feature on or off, for everyone, at once."""
        wanted = self.body(ToggleChange)
        row = people.flip_toggle(key=Toggle(key), is_on=wanted["is_on"], by=self.actor, now=self.now)
        return Response(_shown(Toggle(key), row))


def _shown(key: Toggle, row: FeatureToggle | None) -> dict[str, Any]:
    return {
        "key": key.value,
        "label": key.label,
        "is_on": row.is_on if row is not None else True,
        "changed_at": row.changed_at if row is not None else None,
    }
