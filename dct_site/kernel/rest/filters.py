"""Filters of lists that every room uses."""

from django import forms
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

LARGEST_ID = 2**63 - 1


class _IdField(forms.IntegerField):
    def __init__(self, **options: object) -> None:
        super().__init__(min_value=1, max_value=LARGEST_ID, **options)  # type: ignore[arg-type]


@extend_schema_field(OpenApiTypes.INT64)
class IdFilter(filters.Filter):
    """Rows that point to one id. It asks nothing about the row behind it, so it tells nothing about it either."""

    field_class = _IdField
