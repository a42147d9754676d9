"""Model providers in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin, person
from accounts.admin.forms import ServiceForm, secret_field
from accounts.operations import Operation
from agents.models import ModelProvider
from agents.services import model_providers

_REGISTER = Operation.REGISTER_COMMANDS
_WRITTEN = ("name", *model_providers.EDITABLE)


class ProviderForm(ServiceForm):
    """A provider. Its key is taken and never shown again."""

    new_key = secret_field(label="Key", help_text="Nothing here leaves the key as it is.")
    paths = {"key": "new_key"}

    class Meta:
        model = ModelProvider
        fields = _WRITTEN


def _with_key(values: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(values)
    key = found.pop("new_key", "")
    return {**found, "key": key} if key else found


def _enable(is_enabled: bool) -> Do:
    def do(row: ModelProvider, by: Actor, now: datetime) -> bool:
        if row.is_enabled == is_enabled:
            return False
        model_providers.update(provider=row, by=by, now=now, is_enabled=is_enabled)
        return True

    return do


def _forget_key(row: ModelProvider, by: Actor, now: datetime) -> bool:
    """One that needs its key is switched off with it."""
    if not model_providers.has_key(row):
        return False
    model_providers.update(provider=row, by=by, now=now, key="", is_enabled=row.is_enabled and bool(row.base_url))
    return True


@admin.register(ModelProvider)
class ModelProviderAdmin(RoleAdmin):
    """Who may be asked as a model."""

    form = ProviderForm
    adding = changing = _REGISTER
    list_display = ("name", "api", "base_url", "has_key", "is_enabled", "registered_by", "updated_at")
    list_filter = ("is_enabled", "api")
    list_select_related = ("registered_by",)
    search_fields = ("name__icontains",)
    shown = (*_WRITTEN, "has_key", "registered_by", "version", "created_at", "updated_at")
    fields_to_add = (*_WRITTEN, "new_key")
    fields_to_change = (*model_providers.EDITABLE, "new_key")
    actions = (
        act("Enable", _REGISTER, _enable(True), done="enabled"),
        act("Disable", _REGISTER, _enable(False), done="disabled"),
        act("Take the key away", _REGISTER, _forget_key, done="without a key"),
    )

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> ModelProvider:
        return model_providers.register(by=by, registered_by=person(request), now=now, **_with_key(values))

    def change(
        self, request: HttpRequest, row: ModelProvider, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> ModelProvider:
        return model_providers.update(provider=row, by=by, now=now, version=row.version, **_with_key(values))

    @admin.display(description="Key", boolean=True)
    def has_key(self, row: ModelProvider) -> bool:
        """Whether there is one."""
        return model_providers.has_key(row)
