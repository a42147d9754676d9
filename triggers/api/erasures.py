"""Erasing an item or a person: counted, confirmed, worked off; for Developers."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.inputs import IdField, Input, LineField
from triggers.models import Erasure
from triggers.services.keeping import erasing
from triggers.services.keeping.erase_find import LONGEST, SHORTEST, Person
from triggers.services.keeping.erasing import Subject
from workspaces.selectors.library import items_visible_to


class SubjectInput(Input):
    """An ``item`` with all that hangs under it, or a ``person``: the address or login as the source knows it, looked
    for everywhere or in one ``connection``. ``with_files``: what agents left in ``work/`` and ``feedback/`` goes too.
    """

    item = IdField(required=False, allow_null=True, default=None)
    person = LineField(required=False, allow_blank=True, default="", min_length=SHORTEST, max_length=LONGEST)
    connection = IdField(required=False, allow_null=True, default=None)
    with_files = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of the two."""
        if (attrs["item"] is None) == (not attrs["person"]):
            raise ValidationError({"item": ["Give either item or person."]})
        if attrs["item"] is not None and attrs["connection"] is not None:
            raise ValidationError({"connection": ["An item lies in its connection already."]})
        return attrs


class ErasureInput(SubjectInput):
    """The same with what its preview answered. ``stop_running``: cancel the runs that are in the way."""

    confirmation = LineField(max_length=5_000)
    stop_running = serializers.BooleanField(default=False)


class CountedSerializer(serializers.Serializer[Any]):
    """What would go; ``running`` executions are in the way. ``items`` lose their title and state, ``other_files`` are
    context files in workspaces about something else, ``refused`` are deliveries that made no event,
    ``only_raw`` those that made some while only their raw bytes name the person. ``is_all_read`` is false where only
    the newest deliveries were looked through for these two.
    """

    events = serializers.IntegerField()
    deliveries = serializers.IntegerField()
    executions = serializers.IntegerField()
    running = serializers.IntegerField()
    workspaces = serializers.IntegerField()
    states = serializers.IntegerField()
    items = serializers.IntegerField()
    other_files = serializers.IntegerField()
    refused = serializers.IntegerField()
    only_raw = serializers.IntegerField()
    is_all_read = serializers.BooleanField()
    confirmation = serializers.CharField()


class ErasureSerializer(serializers.ModelSerializer[Erasure]):
    """One erasure and how far it is. ``digest`` is a keyed hash of the person; nothing says who it was."""

    by = serializers.CharField(source="created_by.username")

    class Meta:
        model = Erasure
        fields = (
            "id",
            "kind",
            "status",
            "item_id",
            "connection_id",
            "digest",
            "with_files",
            "total",
            "done",
            "counts",
            "waits_for",
            "by",
            "created_at",
            "ended_at",
        )
        read_only_fields = fields


class ErasureViewSet(ReadingViewSet):
    """Erasures."""

    queryset = Erasure.objects.select_related("created_by")
    serializer_class = ErasureSerializer
    viewing = Operation.ERASE
    operations: ClassVar = {
        "list": Operation.ERASE,
        "retrieve": Operation.ERASE,
        "create": Operation.ERASE,
        "preview": Operation.ERASE,
    }

    @extend_schema(request=ErasureInput, responses={201: ErasureSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Begin what a preview counted; 409 where that has changed, or runs are in the way. Nothing brings it back."""
        wanted = self.body(ErasureInput)
        row = erasing.start(
            subject=self._subject(wanted),
            confirmation=wanted["confirmation"],
            stop_running=wanted["stop_running"],
            user=self.user,
            by=self.actor,
            now=self.now,
        )
        return self.respond(row, status=201)

    @extend_schema(request=SubjectInput, responses=CountedSerializer)
    @action(detail=False, methods=["post"], pagination_class=None)
    def preview(self, request: Request) -> Response:  # noqa: ARG002
        """What would go; nothing happens."""
        counted = erasing.count(subject=self._subject(self.body(SubjectInput)), by=self.actor, now=self.now)
        return Response(CountedSerializer(counted).data)

    def _subject(self, wanted: dict[str, Any]) -> Subject:
        item = self.seen(items_visible_to(user=self.user), wanted["item"], "item")
        if item is not None:
            return Subject(item=item, with_files=wanted["with_files"])
        connection = self.seen(visible(Connection.objects.all(), user=self.user), wanted["connection"], "connection")
        person = Person(wanted["person"], connection.pk if connection is not None else None)
        return Subject(person=person, with_files=wanted["with_files"])
