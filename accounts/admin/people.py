"""People, their API tokens and single grants in the admin: for superusers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin, RoleInline
from accounts.admin.forms import ServiceForm, secret_field
from accounts.enums import Role
from accounts.models import ApiToken, OperationGrant, User
from accounts.operations import TABLE, Operation, Reach
from accounts.services import people

_PEOPLE = Operation.MANAGE_PEOPLE


class UserForm(ServiceForm):
    """A person; the password is written, never read."""

    new_password = secret_field(label="New password", max_length=200, help_text="Leave it empty to keep the old one.")

    class Meta:
        model = User
        fields = ("username", "email", "role", "is_active")

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if User.objects.filter(username=name).exists():
            raise ValidationError("This name is taken. Choose another.")
        return name

    def clean_new_password(self) -> str:
        password = str(self.cleaned_data.get("new_password") or "")
        if password:
            validate_password(password)
        return password


def _let(is_active: bool) -> Do:
    def do(row: User, by: Actor, now: datetime) -> bool:
        if row.is_active == is_active:
            return False
        if row == by.user:
            raise ValidationError("You cannot lock yourself out. Let another superuser do it.")
        people.set_active(user=row, is_active=is_active, by=by, now=now)
        return True

    return do


class GrantInline(RoleInline):
    model = OperationGrant
    fk_name = "user"
    viewing = _PEOPLE
    shown = ("operation", "granted_by", "granted_at")
    verbose_name_plural = "single grants"


class TokenInline(RoleInline):
    model = ApiToken
    viewing = _PEOPLE
    shown = ("name", "scopes", "created", "expiry", "last_used_at")
    verbose_name_plural = "API tokens"


@admin.register(User)
class UserAdmin(RoleAdmin):
    """People. Nobody is deleted: whoever leaves is not let in any more, and what they did stays theirs."""

    viewing = adding = changing = _PEOPLE
    form = UserForm
    list_display = ("username", "role", "is_active", "is_superuser", "email", "last_login")
    list_filter = ("role", "is_active", "is_superuser")
    search_fields = ("username__istartswith", "email__iexact")
    ordering = ("username",)
    shown = ("username", "email", "role", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    fields_to_add = ("username", "email", "role", "new_password")
    fields_to_change = ("role", "is_active", "new_password")
    inlines = (GrantInline, TokenInline)
    actions = (
        act("Let in", _PEOPLE, _let(True), done="let in", already="let in already"),
        act("Let out", _PEOPLE, _let(False), done="let out", already="out already"),
    )

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> User:
        given = values["new_password"]
        password = given or people.new_password()
        user = people.create_user(
            username=values["username"],
            email=values["email"],
            role=Role(values["role"]),
            password=password,
            by=by,
            now=now,
        )
        if not given:
            told = f"The password of {user.username} is {password} – it is shown once."
            self.message_user(request, told, messages.WARNING)
        return user

    def change(self, request: HttpRequest, row: User, values: Mapping[str, Any], *, by: Actor, now: datetime) -> User:
        if values.get("is_active") is False and row == by.user:
            raise ValidationError({"is_active": "You cannot lock yourself out. Let another superuser do it."})
        if "role" in values:
            people.set_role(user=row, role=Role(values["role"]), by=by, now=now)
        if "is_active" in values:
            people.set_active(user=row, is_active=values["is_active"], by=by, now=now)
        if values.get("new_password"):
            people.change_password(user=row, password=values["new_password"], by=by, now=now)
        return row


class GrantForm(ServiceForm):
    """A grant: only operations that the table lets be granted to somebody."""

    operation = forms.ChoiceField(widget=UnfoldAdminSelectWidget)

    class Meta:
        model = OperationGrant
        fields = ("user", "operation")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "operation" in self.fields:
            choices = [(one.value, rule.label) for one, rule in TABLE.items() if _is_grantable(one)]
            self.fields["operation"].choices = choices  # type: ignore[attr-defined]


def _is_grantable(operation: Operation) -> bool:
    return any(TABLE[operation].reach(role) is Reach.GRANTABLE for role in Role)


@admin.register(OperationGrant)
class OperationGrantAdmin(RoleAdmin):
    """Single operations granted to a person, within the role's ceiling."""

    viewing = adding = deleting = _PEOPLE
    form = GrantForm
    list_display = ("user", "operation", "granted_by", "granted_at")
    list_select_related = ("user", "granted_by")
    search_fields = ("user__username__istartswith",)
    shown = ("user", "operation", "granted_by", "granted_at")
    fields_to_add = ("user", "operation")

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> OperationGrant:
        return people.grant_operation(user=values["user"], operation=Operation(values["operation"]), by=by, now=now)

    def remove(self, row: OperationGrant, *, by: Actor, now: datetime) -> None:
        people.withdraw_operation(grant=row, by=by, now=now)


@admin.register(ApiToken)
class ApiTokenAdmin(RoleAdmin):
    """API tokens: their names, times and rates; deleting one revokes it."""

    viewing = changing = deleting = _PEOPLE
    list_display = ("name", "user", "scopes", "events_per_minute", "created", "expiry", "last_used_at")
    list_select_related = ("user",)
    numbers = ("user_id",)
    search_fields = ("user__username__istartswith",)
    shown = ("name", "user", "scopes", "created", "expiry", "last_used_at", "events_per_minute")
    fields_to_change = ("events_per_minute",)

    def change(
        self, request: HttpRequest, row: ApiToken, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> ApiToken:
        return people.set_token_rate(token=row, by=by, now=now, **values) if values else row

    def remove(self, row: ApiToken, *, by: Actor, now: datetime) -> None:
        people.revoke_token(token=row, by=by, now=now)
