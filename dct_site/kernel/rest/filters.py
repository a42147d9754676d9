"""Filters of lists that every room uses."""

from collections.abc import Iterable
from typing import Any

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


class _OfWords(filters.Filter):
    """Whoever asks for another word is told which there are."""

    def __init__(self, *, choices: Iterable[tuple[str, str]], **options: Any) -> None:
        told = f'"%(value)s" is not one of {", ".join(str(word) for word, _ in choices)}.'
        super().__init__(choices=choices, error_messages={"invalid_choice": told}, **options)


class WordFilter(_OfWords, filters.ChoiceFilter):
    """Rows that have one of some words."""


class WordsFilter(_OfWords, filters.MultipleChoiceFilter):
    """Rows that have any of the words that are asked for."""
