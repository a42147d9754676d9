"""Webhook endpoints, and the generation that every change of them bumps, in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin
from accounts.operations import Operation
from triggers.models import Generation, WebhookEndpoint
from triggers.services import endpoints

_MANAGE = Operation.MANAGE_CONNECTIONS


def _switch(is_enabled: bool) -> Do:
    def do(row: WebhookEndpoint, by: Actor, now: datetime) -> bool:
        if row.is_enabled == is_enabled:
            return False
        (endpoints.enable if is_enabled else endpoints.disable)(endpoint=row, by=by, now=now)
        return True

    return do


def _revoke(row: WebhookEndpoint, by: Actor, now: datetime) -> bool:
    return endpoints.revoke_old_secrets(endpoint=row, by=by, now=now) > 0


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(RoleAdmin):
    """Where webhooks arrive, and how they are verified."""

    changing = _MANAGE
    list_display = ("connection", "verification", "is_enabled", "rate_per_minute", "max_body_bytes", "updated_at")
    list_filter = ("verification", "is_enabled")
    list_select_related = ("connection",)
    numbers = ("id", "connection_id")
    search_fields = ("path__exact",)
    fields_to_change = (
        "verification",
        "signature_header",
        "timestamp_header",
        "id_header",
        "id_path",
        "allowed_actors",
        "max_body_bytes",
        "rate_per_minute",
    )
    shown = ("connection", "path", *fields_to_change, "is_enabled", "version", "created_at", "updated_at")
    ordering = ("-id",)
    actions = (
        act("Enable", _MANAGE, _switch(True), done="enabled"),
        act("Disable", _MANAGE, _switch(False), done="disabled"),
        act("End replaced secrets", _MANAGE, _revoke, done="ended", already="without a replaced secret"),
    )

    def change(
        self, request: HttpRequest, row: WebhookEndpoint, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> WebhookEndpoint:
        fields = {name: [] if name == "allowed_actors" and value is None else value for name, value in values.items()}
        return endpoints.change_endpoint(endpoint=row, by=by, now=now, version=row.version, **fields)


@admin.register(Generation)
class GenerationAdmin(RoleAdmin):
    """The one number that says whether anything a decision rests on has changed."""

    viewing = Operation.TRIAGE
    list_display = ("id", "value")
    shown = ("value",)
