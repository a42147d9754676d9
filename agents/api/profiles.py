"""Agent profiles, and the programs that Developers register for them to run."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet, unique
from accounts.operations import Operation
from accounts.permissions import visible
from agents.enums import TranscriptKind
from agents.models import AgentProfile, CommandSecret, RuntimeCommand
from agents.ready import READY, ReadyProgram
from agents.runtimes import runtimes
from agents.services import commands, profiles
from agents.services.command_secrets import names_of
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import IdField, Input, LineField, ObjectField, WholeField

TEXT = 20_000
_TAKEN = "Another command has this name."


class ProfileSerializer(serializers.ModelSerializer[AgentProfile]):
    """What an agent is started from."""

    owner = serializers.CharField(source="owner.username")
    command_name = serializers.CharField(source="command.name", default=None, allow_null=True)

    class Meta:
        model = AgentProfile
        fields = (
            "id",
            "name",
            "runtime",
            "model",
            "instructions",
            "permissions",
            "user_comment",
            "command_id",
            "command_name",
            "time_limit_s",
            "output_limit_bytes",
            "max_attempts",
            "max_rounds",
            "owner",
            "owner_id",
            "is_archived",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ProfileInput(Input):
    """What may be written of a profile. The ``command`` runtime names a registered command, no other does."""

    name = LineField(max_length=200)
    runtime = LineField(required=False, max_length=40)
    model = LineField(required=False, allow_blank=True, max_length=200)
    instructions = LineField(required=False, allow_blank=True, max_length=TEXT, trim_whitespace=False)
    permissions = ObjectField(required=False)
    user_comment = LineField(required=False, allow_blank=True, max_length=TEXT, trim_whitespace=False)
    command_id = IdField(required=False, allow_null=True)
    time_limit_s = WholeField(required=False)
    output_limit_bytes = WholeField(required=False)
    max_attempts = WholeField(required=False)
    max_rounds = WholeField(required=False)

    def validate_runtime(self, value: str) -> str:
        """One that is there."""
        if value not in runtimes:
            raise serializers.ValidationError(f"Choose one of {', '.join(runtimes)}.")
        return value


class ProfileFilter(filters.FilterSet):
    """Profiles by runtime, owner, or a part of their name."""

    owner = IdFilter(field_name="owner_id")
    command = IdFilter(field_name="command_id")
    name = filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = AgentProfile
        fields = ("runtime", "is_archived")


class ProfileViewSet(ReadingViewSet):
    """Agent profiles."""

    queryset = AgentProfile.objects.all()
    serializer_class = ProfileSerializer
    filterset_class = ProfileFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        **dict.fromkeys(("create", "partial_update", "destroy"), Operation.EDIT_WORKSPACES),
    }

    def rows(self) -> QuerySet[AgentProfile]:
        return visible(AgentProfile.objects.select_related("owner", "command"), user=self.user)

    @extend_schema(request=ProfileInput, responses={201: ProfileSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a profile."""
        fields = self._fields(self.body(ProfileInput))
        return self.respond(profiles.create(owner=self.user, by=self.actor, now=self.now, **fields), status=201)

    @extend_schema(request=ProfileInput, responses=ProfileSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Change it; agents that run keep what they were started with."""
        row = self.object_for_change()
        fields = self._fields(self.body(ProfileInput, partial=True))
        profiles.update(profile=row, version=row.version, by=self.actor, now=self.now, **fields)
        return self.respond(self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Put it away: triggers that name it say so when they fire."""
        profiles.archive(profile=self.object_for_change(), by=self.actor, now=self.now)
        return Response(status=204)

    def _fields(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if "command_id" in wanted:
            enabled = visible(RuntimeCommand.objects.filter(is_enabled=True), user=self.user)
            wanted["command"] = self.seen(enabled, wanted.pop("command_id"), "command_id")
        return wanted


class CommandSerializer(serializers.ModelSerializer[RuntimeCommand]):
    """A registered program."""

    registered_by = serializers.CharField(source="registered_by.username")
    argv = serializers.ListField(child=serializers.CharField())
    environment = serializers.DictField(child=serializers.CharField())
    secret_names = serializers.SerializerMethodField()

    @staticmethod
    def get_secret_names(row: RuntimeCommand) -> list[str]:
        """What secrets it has; what they are is told to nobody."""
        return names_of(row)

    class Meta:
        model = RuntimeCommand
        fields = (
            "id",
            "name",
            "argv",
            "transcript",
            "description",
            "environment",
            "secret_names",
            "is_enabled",
            "is_network_allowed",
            "registered_by",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CommandInput(Input):
    """A program and its arguments as a list, never a shell line; ``environment`` is never for secrets. ``secrets`` are
    written by name, replaced, taken away with null, and never given out.
    """

    name = LineField(max_length=100)
    argv = serializers.ListField(child=LineField(max_length=4_000, trim_whitespace=False), max_length=100)
    transcript = LineField(required=False, max_length=40)
    description = LineField(required=False, allow_blank=True, max_length=10_000)
    environment = serializers.DictField(
        child=LineField(allow_blank=True, max_length=4_000, trim_whitespace=False), required=False
    )
    secrets = serializers.DictField(
        child=serializers.CharField(allow_null=True, max_length=20_000, trim_whitespace=False), required=False
    )
    is_enabled = serializers.BooleanField(required=False)
    is_network_allowed = serializers.BooleanField(required=False)


class ReadySerializer(serializers.Serializer[Sequence[ReadyProgram]]):
    """A registration to begin from."""

    name = serializers.CharField()
    argv = serializers.ListField(child=serializers.CharField())
    transcript = serializers.ChoiceField(choices=TranscriptKind.choices)
    description = serializers.CharField()
    is_network_allowed = serializers.BooleanField()


class CommandViewSet(ReadingViewSet):
    """Programs that profiles of the ``command`` runtime may name."""

    queryset = RuntimeCommand.objects.select_related("registered_by").prefetch_related(
        Prefetch("secrets", CommandSecret.objects.defer("value"))
    )
    serializer_class = CommandSerializer
    filterset_fields: ClassVar = ("is_enabled",)
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "ready": Operation.VIEW,
        "create": Operation.REGISTER_COMMANDS,
        "partial_update": Operation.REGISTER_COMMANDS,
    }

    @extend_schema(responses=ReadySerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def ready(self, request: Request) -> Response:  # noqa: ARG002
        """Registrations to begin from, for programs that are known to work."""
        return Response(ReadySerializer(READY, many=True).data)

    @extend_schema(request=CommandInput, responses={201: CommandSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Register a program."""
        fields = self.body(CommandInput)
        with unique("name", _TAKEN):
            made = commands.register(by=self.actor, now=self.now, registered_by=self.user, **fields)
        return self.respond(made, status=201)

    @extend_schema(request=CommandInput, responses=CommandSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Change it; runs that are under way go on with the old one."""
        row = self.object_for_change()
        fields = self.body(CommandInput, partial=True)
        with unique("name", _TAKEN):
            commands.update(command=row, version=row.version, by=self.actor, now=self.now, **fields)
        return self.respond(self.get_object())
