"""Model providers that Developers register for profiles of the ``llm`` runtime."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet, unique
from accounts.operations import Operation
from agents.enums import ModelApi
from agents.models import ModelProvider
from agents.services import model_providers
from dct_site.kernel.rest.inputs import Input, LineField

_TAKEN = "Another provider has this name."


class ProviderSerializer(serializers.ModelSerializer[ModelProvider]):
    """Who answers as a model."""

    registered_by = serializers.CharField(source="registered_by.username")
    has_key = serializers.SerializerMethodField()

    @staticmethod
    def get_has_key(row: ModelProvider) -> bool:
        """Whether a key was written; what it is is told to nobody."""
        return model_providers.has_key(row)

    class Meta:
        model = ModelProvider
        fields = (
            "id",
            "name",
            "api",
            "base_url",
            "has_key",
            "description",
            "is_enabled",
            "registered_by",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ProviderChange(Input):
    """What may be written of a provider. ``key`` replaces the one that is there, empty takes it away; it is never given
    out. Another address needs it again.
    """

    api = serializers.ChoiceField(choices=ModelApi.choices, required=False)
    base_url = LineField(required=False, allow_blank=True, max_length=model_providers.LONGEST_URL)
    key = LineField(required=False, allow_blank=True, max_length=model_providers.LONGEST_KEY)
    description = LineField(required=False, allow_blank=True, max_length=model_providers.LONGEST_DESCRIPTION)
    is_enabled = serializers.BooleanField(required=False)


class ProviderInput(ProviderChange):
    """A provider, by the name that profiles write before the colon of their model; that stays."""

    name = LineField(max_length=40)


class ProviderViewSet(ReadingViewSet):
    """Providers that profiles of the ``llm`` runtime may name."""

    queryset = ModelProvider.objects.select_related("registered_by")
    serializer_class = ProviderSerializer
    filterset_fields: ClassVar = ("is_enabled", "api")
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "create": Operation.REGISTER_COMMANDS,
        "partial_update": Operation.REGISTER_COMMANDS,
    }

    @extend_schema(request=ProviderInput, responses={201: ProviderSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Register a provider."""
        fields = self.body(ProviderInput)
        with unique("name", _TAKEN):
            made = model_providers.register(by=self.actor, now=self.now, registered_by=self.user, **fields)
        return self.respond(made, status=201)

    @extend_schema(request=ProviderChange, responses=ProviderSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Change it; runs that are under way go on with the old one."""
        row = self.object_for_change()
        fields = self.body(ProviderChange, partial=True)
        model_providers.update(provider=row, version=row.version, by=self.actor, now=self.now, **fields)
        return self.respond(self.get_object())
