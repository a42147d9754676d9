"""Keyset pages: ``next``, ``previous``, ``results``; never page numbers, so a list that grows does not shift."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class KeysetPagination(CursorPagination):
    """Newest first, or as the view's ``keyset`` says (one unique column, ``-`` for descending); ``?page_size=`` up to
    500.
    """

    ordering = "-id"
    page_size = 50
    max_page_size = 500
    page_size_query_param = "page_size"
    _model: Any = None

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:  # noqa: ARG002
        """The column that the pages are cut by."""
        self._model = queryset.model
        return (getattr(view, "keyset", None) or self.ordering,)

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The cursor of the request; one whose position is no value of the column is refused, not handed to the
        database.
        """
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor is None or cursor.position is None:
            return cursor
        try:
            self._model._meta.get_field(self.ordering[0].lstrip("-")).to_python(cursor.position)
        except (FieldDoesNotExist, ValidationError):
            raise NotFound("This cursor is not one of this list. Start again without it.") from None
        return cursor
