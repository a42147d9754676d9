"""What every viewset of the API is built on: rows filtered by the one rule, actions that name their operation."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, cast

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.fields import empty
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.viewsets import GenericViewSet

from accounts.actor import Actor
from accounts.api.idempotency import SAFE, once
from accounts.enums import Via
from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import may, require, visible
from dct_site.kernel.clock import utcnow
from dct_site.kernel.edits import EditConflict
from dct_site.kernel.rest.etags import PreconditionFailed, check_if_match, etag_of


class OperationViewSet(GenericViewSet[Any]):
    """``operations`` maps every action to its operation; what is not in it is denied.

    Rows are those that the user may look at (``viewing``). An unsafe call with an ``Idempotency-Key`` is made once. A
    row with a version is given out with its ETag. ``detail_serializer_class`` shows one row where that is more than a
    list shows; ``long_actions`` copy files, so that they are never called in an open transaction.
    """

    operations: ClassVar[dict[str, Operation]] = {}
    viewing: ClassVar[Operation] = Operation.VIEW
    detail_serializer_class: ClassVar[type[BaseSerializer[Any]] | None] = None
    long_actions: ClassVar[frozenset[str]] = frozenset()
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset().none()
        return self.rows()

    def rows(self) -> QuerySet[Any]:
        """The rows that the user may look at."""
        return visible(super().get_queryset(), user=self.user, operation=self.viewing)

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        if self.action != "list" and self.detail_serializer_class is not None:
            return self.detail_serializer_class
        return super().get_serializer_class()

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    @property
    def actor(self) -> Actor:
        return Actor.person(self.user, Via.API)

    @property
    def now(self) -> datetime:
        return utcnow()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method in SAFE or not isinstance(request.user, User):
            return
        name = (request.method or "").lower()
        handler: Callable[..., Response] = getattr(self, name, self.http_method_not_allowed)
        user, plain = request.user, request._request
        is_long = self.action in self.long_actions

        def guarded(*inner: Any, **named: Any) -> Response:
            return once(
                user=user,
                request=plain,
                key=key,
                now=self.now,
                call=lambda: self._answer(handler, *inner, **named),
                is_long=is_long,
            )

        setattr(self, name, guarded)

    def _answer(self, handler: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
        """The handler's answer, its errors too: a refused call is kept and repeated like any other."""
        try:
            return handler(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - DRF raises again what it does not know
            return self.handle_exception(error)

    def handle_exception(self, exc: Exception) -> Response:
        """A writer that came between the look at ``If-Match`` and the change failed the same precondition."""
        if isinstance(exc, EditConflict) and "If-Match" in self.request.headers:
            exc = PreconditionFailed()
        return super().handle_exception(exc)

    def body(self, serializer: type[Serializer[Any]], *, partial: bool = False) -> dict[str, Any]:
        """The checked values of the request's body; a ``partial`` one may leave out any field. Raises ValidationError.

        DRF's own ``partial`` reaches into nested rows too: what they need would be missing without a word.
        """
        reading = serializer(data=self.request.data, context=self.get_serializer_context())
        if partial:
            for field in reading.fields.values():
                field.required, field.default = False, empty
        reading.is_valid(raise_exception=True)
        return dict(reading.validated_data)

    def object_for_change(self) -> Any:
        """The row of the address, which the user may change, at the version that ``If-Match`` names (if it does)."""
        row = self.get_object()
        check_if_match(self.request, row)
        return row

    def require(self, operation: Operation, obj: Model | None = None) -> None:
        """Raise Denied unless the user may do more than the action itself asks for."""
        require(self.user, operation, obj)

    def may(self, operation: Operation, obj: Model | None = None) -> bool:
        return bool(may(self.user, operation, obj))

    def seen(self, rows: QuerySet[Any], pk: int | None, field: str) -> Any:
        """The row of ``rows`` (those that the user may look at) with this id; None for None.

        One that is not there and one that may not be seen are the same answer: a 400 that names the field.
        """
        if pk is None:
            return None
        found = rows.filter(pk=pk).first()
        if found is None:
            raise ValidationError({field: ["There is no such row, or you may not see it."]}, code="not_found")
        return found

    def respond(self, row: Model, *, status: int = 200, more: dict[str, Any] | None = None) -> Response:
        """The row through the view's serializer, with its ETag where it has a version; ``more`` joins its fields."""
        response = Response({**self.get_serializer(row).data, **(more or {})}, status=status)
        if hasattr(row, "version"):
            response["ETag"] = etag_of(row)
        return response

    def page_of(self, rows: QuerySet[Any], serializer: type[BaseSerializer[Any]], *, keyset: str = "-id") -> Response:
        """A page of rows that hang under the address's own, through their serializer."""
        self.keyset = keyset
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(page, many=True, context=self.get_serializer_context()).data)


class ReadingViewSet(ListModelMixin, OperationViewSet):
    """A list, and one of it."""

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002
        """One row."""
        return self.respond(self.get_object())


def whole_list(rows: Sequence[Any]) -> Response:
    """A short list that is given as one page, in the shape of every list."""
    return Response({"next": None, "previous": None, "results": list(rows)})


@contextmanager
def unique(field: str, words: str) -> Iterator[None]:
    """Turn the database's "there is one already" into a 400 of the field: two may ask at the same time."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise ValidationError({field: [words]}, code="not_unique") from error
