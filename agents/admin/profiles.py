"""Agent profiles and registered programs in the admin."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin, person
from accounts.admin.forms import ServiceForm, secret_field
from accounts.operations import Operation
from agents.models import AgentProfile, CommandSecret, RuntimeCommand
from agents.ready import READY
from agents.runtimes import runtimes
from agents.services import commands, profiles
from agents.services.values import BadValues


class ProfileForm(ServiceForm):
    """A profile; the runtimes to choose from are those that are registered."""

    runtime = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    class Meta:
        model = AgentProfile
        fields = profiles.EDITABLE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "runtime" in self.fields:
            self.fields["runtime"].choices = [(name, name) for name in runtimes]  # type: ignore[attr-defined]


def _archive(row: AgentProfile, by: Actor, now: datetime) -> bool:
    if row.is_archived:
        return False
    profiles.archive(profile=row, by=by, now=now)
    return True


@admin.register(AgentProfile)
class AgentProfileAdmin(RoleAdmin):
    """What agents are started from."""

    adding = changing = Operation.EDIT_WORKSPACES
    form = ProfileForm
    list_display = ("name", "owner", "runtime", "model", "command", "is_archived", "updated_at")
    list_filter = ("runtime", "is_archived")
    list_select_related = ("owner", "command")
    search_fields = ("name__icontains",)
    shown = (*profiles.EDITABLE, "owner", "is_archived", "version", "created_at", "updated_at")
    fields_to_add = fields_to_change = profiles.EDITABLE
    actions = (act("Archive", Operation.EDIT_WORKSPACES, _archive, done="archived"),)

    def choices_of(self, db_field: ForeignKey[Any, Any], request: HttpRequest) -> QuerySet[Any]:
        rows = super().choices_of(db_field, request)
        return rows.filter(is_enabled=True) if db_field.name == "command" else rows

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> AgentProfile:
        return profiles.create(owner=person(request), by=by, now=now, **_json(values, "permissions"))

    def change(
        self, request: HttpRequest, row: AgentProfile, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> AgentProfile:
        return profiles.update(profile=row, by=by, now=now, version=row.version, **_json(values, "permissions"))


def _json(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An emptied JSON field means an empty object."""
    return {key: {} if key == name and value is None else value for key, value in values.items()}


_REGISTER = Operation.REGISTER_COMMANDS


class CommandForm(ServiceForm):
    """A program. One secret at a time is taken and never shown again."""

    secret_name = forms.CharField(
        required=False,
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text="The variable in which runs find it.",
    )
    secret = secret_field(help_text="With a name and nothing here, the secret of that name is taken away.")
    paths: ClassVar[dict[str, str]] = {"secrets": "secret_name"}

    class Meta:
        model = RuntimeCommand
        fields = commands.EDITABLE


def _with_secret(values: Mapping[str, Any]) -> dict[str, Any]:
    found = _json(values, "environment")
    name, secret = found.pop("secret_name", "").strip(), found.pop("secret", "")
    if secret and not name:
        raise BadValues({"secrets": "Name the variable in which runs find it."})
    return {**found, "secrets": {name: secret or None}} if name else found


def _enable(is_enabled: bool) -> Do:
    def do(row: RuntimeCommand, by: Actor, now: datetime) -> bool:
        if row.is_enabled == is_enabled:
            return False
        commands.update(command=row, by=by, now=now, is_enabled=is_enabled)
        return True

    return do


@admin.register(RuntimeCommand)
class RuntimeCommandAdmin(RoleAdmin):
    """Programs that agents may be."""

    form = CommandForm
    list_before_template = "admin/agents/ready.html"
    ready = READY
    adding = changing = _REGISTER
    list_display = ("name", "argv", "transcript", "is_enabled", "is_network_allowed", "registered_by", "updated_at")
    list_filter = ("is_enabled", "is_network_allowed")
    list_select_related = ("registered_by",)
    search_fields = ("name__icontains",)
    shown = (*commands.EDITABLE, "secret_names", "registered_by", "version", "created_at", "updated_at")
    fields_to_add = fields_to_change = (*commands.EDITABLE, "secret_name", "secret")
    actions = (
        act("Enable", _REGISTER, _enable(True), done="enabled"),
        act("Disable", _REGISTER, _enable(False), done="disabled"),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """One of the programs that are ready, for ``?ready=`` and its place in the list."""
        at = request.GET.get("ready", "")
        found = READY[int(at)] if at.isdecimal() and int(at) < len(READY) else None
        return {**asdict(found), "argv": list(found.argv)} if found is not None else {}

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> RuntimeCommand:
        return commands.register(by=by, registered_by=person(request), now=now, **_with_secret(values))

    def change(
        self, request: HttpRequest, row: RuntimeCommand, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> RuntimeCommand:
        return commands.update(command=row, by=by, now=now, version=row.version, **_with_secret(values))

    @admin.display(description="Secrets")
    def secret_names(self, row: RuntimeCommand) -> str:
        """Which there are."""
        return ", ".join(row.secrets.values_list("name", flat=True)) or "none"


@admin.register(CommandSecret)
class CommandSecretAdmin(RoleAdmin):
    """Which secrets there are; a new one is written on its program's page."""

    viewing = _REGISTER
    list_display = ("name", "command", "updated_at")
    list_select_related = ("command",)
    numbers = ("id", "command_id")
    shown = ("command", "name", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CommandSecret]:
        return super().get_queryset(request).defer("value")
