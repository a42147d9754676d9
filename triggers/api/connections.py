"""Connections: made with their webhook endpoint, configured, paused; their secrets are replaced and never read back."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import unique
from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.filters import IdFilter
from dct_site.kernel.rest.inputs import Input, LineField, ObjectField, WholeField
from triggers.api.links import public_url
from triggers.api.retention import RetentionActions
from triggers.enums import Verification
from triggers.models import WebhookEndpoint
from triggers.services import cloudevents, connections, endpoints, mailboxes
from triggers.sources.email.settings import Security

_NOT_OF = {Source.EMAIL: ("tenant", "config", "endpoint"), Source.CLOUDEVENTS: ("secret", "endpoint", "mailbox")}
_TAKEN = "You have a connection of this name already. Choose another."
MAKEABLE = [(one.value, one.label) for one in (Source.GITHUB, Source.WEBHOOK, Source.EMAIL, Source.CLOUDEVENTS)]


class EndpointSerializer(serializers.ModelSerializer[WebhookEndpoint]):
    """Where the webhooks of a connection arrive, and how they are verified. The secret is never shown again."""

    url = serializers.SerializerMethodField(help_text="Where the other side posts to.")

    class Meta:
        model = WebhookEndpoint
        fields = (
            "url",
            "verification",
            "signature_header",
            "timestamp_header",
            "id_header",
            "id_path",
            "allowed_actors",
            "max_body_bytes",
            "rate_per_minute",
            "is_enabled",
        )
        read_only_fields = fields

    def get_url(self, row: WebhookEndpoint) -> str:
        return public_url(self.context.get("request"), f"/hooks/{row.path}")


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    """An outside system. ``endpoint`` is null where no webhooks arrive."""

    owner = serializers.CharField(source="owner.username")
    endpoint = EndpointSerializer(allow_null=True, default=None)

    class Meta:
        model = Connection
        fields = (
            "id",
            "name",
            "source",
            "tenant",
            "config",
            "is_enabled",
            "is_paused",
            "paused_by",
            "paused_at",
            "pause_reason",
            "max_concurrent",
            "owner",
            "owner_id",
            "endpoint",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class EndpointInput(Input):
    """How webhooks are verified and what they may cost."""

    verification = serializers.ChoiceField(choices=Verification.choices, required=False)
    signature_header = LineField(required=False, allow_blank=True, max_length=80)
    timestamp_header = LineField(required=False, allow_blank=True, max_length=80)
    id_header = LineField(required=False, allow_blank=True, max_length=80)
    id_path = LineField(required=False, allow_blank=True, max_length=200)
    allowed_actors = serializers.ListField(child=LineField(max_length=300), required=False, max_length=1000)
    max_body_bytes = WholeField(required=False, min_value=1, max_value=64 * 1024 * 1024)
    rate_per_minute = WholeField(required=False, min_value=1, max_value=1_000_000)


class EndpointChange(EndpointInput):
    """The same, and whether it answers at all."""

    is_enabled = serializers.BooleanField(required=False)


class ConnectionChange(Input):
    """What may be changed of a connection. A paused one is heard and decided, but nothing fires."""

    name = LineField(max_length=200, required=False)
    tenant = LineField(max_length=200, required=False, allow_blank=True)
    config = ObjectField(required=False, help_text="A mailbox that moves to another server needs its ``secret`` again.")
    secret = LineField(required=False, max_length=1000, trim_whitespace=False, write_only=True)
    is_enabled = serializers.BooleanField(required=False)
    is_paused = serializers.BooleanField(required=False)
    pause_reason = LineField(required=False, allow_blank=True, max_length=300)
    max_concurrent = WholeField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=connections.MOST_CONCURRENT,
        help_text="How many runs that its events began may be at work at once.",
    )
    endpoint = EndpointChange(required=False)


class NewSecret(Input):
    """The secret to use; for webhooks a random one is made where none is given. A mailbox's is its password."""

    secret = LineField(required=False, max_length=1000, trim_whitespace=False, write_only=True)


class MailboxInput(Input):
    """Where a mailbox is and how it is opened; the password is the connection's ``secret``."""

    host = LineField(max_length=253)
    port = WholeField(min_value=1, max_value=65_535)
    security = serializers.ChoiceField(choices=Security.choices)
    username = LineField(max_length=300)
    folder = LineField(required=False, max_length=300)
    address = LineField(required=False, allow_blank=True, max_length=300)
    authserv_id = LineField(required=False, allow_blank=True, max_length=253)
    allowed_actors = serializers.ListField(child=LineField(max_length=300), required=False, max_length=1000)
    allow_private = serializers.BooleanField(required=False, help_text="For Developers to decide.")
    allow_plain = serializers.BooleanField(required=False, help_text="For Developers to decide.")


class NewConnection(Input):
    """A connection to make: to webhooks (``endpoint``, a secret is made where none is given), for the source ``email``
    to a mailbox (``mailbox``, with its password as ``secret``), for ``cloudevents`` to what is sent to ``events/``.
    """

    name = LineField(max_length=200)
    source = serializers.ChoiceField(choices=MAKEABLE)  # type: ignore[assignment]
    secret = LineField(required=False, max_length=1000, trim_whitespace=False, write_only=True)
    tenant = LineField(max_length=200, required=False, allow_blank=True)
    config = ObjectField(required=False)
    endpoint = EndpointInput(required=False)
    mailbox = MailboxInput(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A mailbox has settings of its own; a webhook has no mailbox; who sends to the API signs in."""
        is_mail = attrs["source"] == Source.EMAIL
        for name in _NOT_OF.get(attrs["source"], ("mailbox",)):
            if name in attrs:
                raise ValidationError({name: [f"A connection of the source {attrs['source']} has no {name}."]})
        for name in ("mailbox", "secret") if is_mail else ():
            if name not in attrs:
                raise ValidationError({name: ["This is required for a mailbox."]}, code="required")
        return attrs


class ShownSecret(serializers.Serializer[Any]):
    """A secret, told once."""

    secret = serializers.CharField(help_text="Told once; keep it now. Empty where none is made.")


class MadeConnection(ConnectionSerializer):
    """A new connection, with its secret."""

    secret = serializers.CharField(help_text="Told once; keep it now. Empty where none is made.")

    class Meta(ConnectionSerializer.Meta):
        fields = (*ConnectionSerializer.Meta.fields, "secret")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class Revoked(serializers.Serializer[Any]):
    """How many old secrets were ended."""

    count = serializers.IntegerField()


class ConnectionFilter(filters.FilterSet):
    """Connections by source, owner and state."""

    source = filters.MultipleChoiceFilter(choices=Source.choices)
    owner = IdFilter(field_name="owner_id")

    class Meta:
        model = Connection
        fields = ("is_enabled", "is_paused")


class ConnectionViewSet(RetentionActions):
    """Connections to outside systems."""

    queryset = Connection.objects.all()
    serializer_class = ConnectionSerializer
    filterset_class = ConnectionFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "create": Operation.MANAGE_CONNECTIONS,
        "partial_update": Operation.MANAGE_CONNECTIONS,
        "rotate_secret": Operation.MANAGE_CONNECTIONS,
        "revoke_old_secrets": Operation.MANAGE_CONNECTIONS,
        "retention": Operation.VIEW,
        "change_retention": Operation.SET_LIMITS,
    }

    def rows(self) -> QuerySet[Connection]:
        return visible(Connection.objects.select_related("owner", "endpoint"), user=self.user)

    @extend_schema(request=NewConnection, responses={201: MadeConnection})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a connection; for webhooks its address and, once, its secret are in the answer."""
        wanted = self.body(NewConnection)
        source = Source(wanted.pop("source"))
        with unique("name", _TAKEN):
            made, shown = self._make(source, wanted)
        return self.respond(made, status=201, more={"secret": shown})

    def _make(self, source: Source, wanted: dict[str, Any]) -> tuple[Connection, str]:
        if source == Source.EMAIL:
            return self._make_mail(wanted)
        if source == Source.CLOUDEVENTS:
            return cloudevents.create_connection(**wanted, owner=self.user, by=self.actor, now=self.now), ""
        return self._make_webhook(source, wanted)

    def _make_webhook(self, source: Source, wanted: dict[str, Any]) -> tuple[Connection, str]:
        settings = wanted.pop("endpoint", {})
        made = endpoints.create_webhook_connection(
            **wanted, source=source, owner=self.user, by=self.actor, now=self.now, **settings
        )
        return made.connection, made.secret

    def _make_mail(self, wanted: dict[str, Any]) -> tuple[Connection, str]:
        settings = wanted["mailbox"]
        made = mailboxes.create_mail_connection(
            name=wanted["name"], password=wanted["secret"], owner=self.user, by=self.actor, now=self.now, **settings
        )
        return made, ""

    @extend_schema(request=ConnectionChange, responses=ConnectionSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Rename, configure, pause, switch off; ``endpoint`` changes how its webhooks are verified."""
        row = self.object_for_change()
        wanted = self.body(ConnectionChange, partial=True)
        settings = wanted.pop("endpoint", {})
        wanted["password"] = _mailbox_password(row, wanted.pop("secret", ""))
        with unique("name", _TAKEN):
            connections.change_connection(connection=row, by=self.actor, now=self.now, version=row.version, **wanted)
            if settings:
                self._change_endpoint(_endpoint_of(row), settings)
        return self.respond(self.get_object())

    def _change_endpoint(self, endpoint: WebhookEndpoint, settings: dict[str, Any]) -> None:
        kwargs: dict[str, Any] = {"by": self.actor, "now": self.now}
        is_enabled = settings.pop("is_enabled", endpoint.is_enabled)
        if settings:
            endpoints.change_endpoint(endpoint=endpoint, **kwargs, **settings)
        if is_enabled != endpoint.is_enabled:
            (endpoints.enable if is_enabled else endpoints.disable)(endpoint=endpoint, **kwargs)

    @extend_schema(request=NewSecret, responses=ShownSecret)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Replace the secret: a webhook's old one holds for another 24 hours, a mailbox is polled with the new one."""
        row, wanted = self.get_object(), self.body(NewSecret)
        by: dict[str, Any] = {"by": self.actor, "now": self.now}
        if row.source == Source.EMAIL:
            mailboxes.change_password(connection=row, password=wanted.get("secret", ""), **by)
            return Response({"secret": ""})
        return Response({"secret": endpoints.rotate_secret(endpoint=_endpoint_of(row), **by, **wanted)})

    @extend_schema(request=None, responses=Revoked)
    @action(detail=True, methods=["post"], url_path="revoke-old-secrets")
    def revoke_old_secrets(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """End replaced secrets before their time."""
        endpoint = _endpoint_of(self.get_object())
        return Response({"count": endpoints.revoke_old_secrets(endpoint=endpoint, by=self.actor, now=self.now)})


def _mailbox_password(row: Connection, secret: str) -> str:
    if secret and row.source != Source.EMAIL:
        raise ValidationError({"secret": ["A webhook's secret is replaced by rotate-secret/."]})
    return secret


def _endpoint_of(connection: Connection) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.filter(connection=connection).first()
    if endpoint is None:
        raise ValidationError({"endpoint": ["No webhooks arrive at this connection; it has no endpoint."]})
    return endpoint
