"""Connections in the admin: made, configured, paused; their secrets are written and never read back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin, RoleInline, person
from accounts.admin.forms import ServiceForm, secret_field
from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from triggers.admin.secrets import SecretInline
from triggers.models import ContextListener, WebhookEndpoint
from triggers.services import connections, endpoints

_MANAGE = Operation.MANAGE_CONNECTIONS
BY_WEBHOOK = (Source.GITHUB, Source.WEBHOOK)


class ConnectionForm(ServiceForm):
    """A connection. ``secret`` is taken and never shown again."""

    source = forms.ChoiceField(
        widget=UnfoldAdminSelectWidget,
        choices=[(one.value, one.label) for one in BY_WEBHOOK],
        help_text="A mailbox is connected on the product's own page, which tries it first.",
    )
    secret = secret_field(help_text="Leave it empty to keep the one there is (for a new webhook: to make one).")
    paths = {"password": "secret", "": "config", "*": "config", "secret": "secret", "name": "name", "tenant": "tenant"}

    class Meta:
        model = Connection
        fields = ("name", "tenant", "config", "is_enabled", "is_paused")

    def clean_config(self) -> dict[str, Any]:
        config = self.cleaned_data.get("config")
        if config is None:
            return {}
        if not isinstance(config, dict):
            raise ValidationError("The configuration must be an object of names and values.")
        return config


def _set(name: str, value: bool) -> Do:
    def do(row: Connection, by: Actor, now: datetime) -> bool:
        if getattr(row, name) == value:
            return False
        fields: dict[str, Any] = {name: value}
        connections.change_connection(connection=row, by=by, now=now, **fields)
        return True

    return do


class ListenerInline(RoleInline):
    """How it is watched."""

    model = ContextListener
    shown = ("listener_type", "item", "status", "status_reason", "last_checked", "failures")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("item", "connection")


@admin.register(Connection)
class ConnectionAdmin(RoleAdmin):
    """Outside systems."""

    adding = changing = _MANAGE
    form = ConnectionForm
    page = "connection"
    list_display = ("name", "source", "tenant", "owner", "is_enabled", "is_paused", "created_at")
    list_filter = ("source", "is_enabled", "is_paused")
    list_select_related = ("owner",)
    search_fields = ("name__icontains",)
    shown = (
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
        "version",
        "created_at",
        "updated_at",
    )
    fields_to_add = ("name", "source", "tenant", "secret")
    fields_to_change = ("name", "tenant", "config", "is_enabled", "is_paused", "max_concurrent", "secret")
    inlines = (SecretInline, ListenerInline)
    actions = (
        act("Pause", _MANAGE, _set("is_paused", True), done="paused"),
        act("Resume", _MANAGE, _set("is_paused", False), done="resumed", already="not paused"),
        act("Switch off", _MANAGE, _set("is_enabled", False), done="switched off", already="off already"),
        act("Switch on", _MANAGE, _set("is_enabled", True), done="switched on", already="on already"),
    )

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> Connection:
        _name_is_free(person(request).pk, values["name"], None)
        made = endpoints.create_webhook_connection(
            name=values["name"],
            source=Source(values["source"]),
            tenant=values["tenant"],
            secret=values["secret"] or None,
            owner=person(request),
            by=by,
            now=now,
        )
        if not values["secret"]:
            told = f"The secret of {made.connection.name} is {made.secret} – it is shown once."
            self.message_user(request, told, messages.WARNING)
        return made.connection

    def change(
        self, request: HttpRequest, row: Connection, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> Connection:
        fields = dict(values)
        secret = fields.pop("secret", "")
        _name_is_free(row.owner_id, fields.get("name", row.name), row.pk)
        password, secret = (secret, "") if row.source == Source.EMAIL else ("", secret)
        with transaction.atomic():
            if fields or password:
                connections.change_connection(
                    connection=row, by=by, now=now, version=row.version, password=password, **fields
                )
            if secret:
                _replace_secret(row, secret, by=by, now=now)
        return row


def _name_is_free(owner_id: int, name: str, pk: int | None) -> None:
    if Connection.objects.filter(owner=owner_id, name=name).exclude(pk=pk or 0).exists():
        raise ValidationError({"name": "The owner has another connection of this name. Choose another."})


def _replace_secret(row: Connection, secret: str, *, by: Actor, now: datetime) -> None:
    endpoint = WebhookEndpoint.objects.filter(connection=row).first()
    if endpoint is None:
        raise ValidationError({"secret": "This connection has no webhook endpoint, so it has no secret."})
    endpoints.rotate_secret(endpoint=endpoint, by=by, now=now, secret=secret)
