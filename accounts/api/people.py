"""People, for superusers: made, given a role, let in or out, granted single operations."""

from typing import Any, ClassVar

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError as Invalid
from django.db import transaction
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet, unique
from accounts.enums import Role
from accounts.models import OperationGrant, User
from accounts.operations import Operation
from accounts.services import people
from dct_site.kernel.rest.inputs import Input, LineField, WordField

_TAKEN = "This name is taken. Choose another."


class UserSerializer(serializers.ModelSerializer[User]):
    """A person; never a password."""

    operation_grants = serializers.SlugRelatedField(slug_field="operation", many=True, read_only=True)  # type: ignore[var-annotated]

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "email",
            "role",
            "is_active",
            "is_superuser",
            "operation_grants",
            "date_joined",
            "last_login",
        )
        read_only_fields = fields


class NewUser(Input):
    """A person to make. Without a password a random one is made and told once."""

    username = LineField(max_length=150, validators=[UnicodeUsernameValidator()])
    email = serializers.EmailField(required=False, allow_blank=True, default="")
    role = WordField(choices=Role.choices)
    password = LineField(required=False, max_length=200, trim_whitespace=False, write_only=True)

    def validate_username(self, value: str) -> str:
        """A name that nobody has yet."""
        if User.objects.filter(username=value).exists():
            raise ValidationError(_TAKEN, code="not_unique")
        return value

    def validate_password(self, value: str) -> str:
        """A password that is not one of the obvious ones."""
        try:
            validate_password(value)
        except Invalid as error:
            raise ValidationError(list(error.messages)) from error
        return value


class UserChange(Input):
    """What may be changed of a person."""

    role = WordField(choices=Role.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class NamedOperation(Input):
    """One operation of the permission table."""

    operation = WordField(choices=[(one.value, one.value) for one in Operation])


class MadeUser(UserSerializer):
    """A new person, with the password that was made (told once; empty where one was given)."""

    password = serializers.CharField(read_only=True)

    class Meta(UserSerializer.Meta):
        fields = (*UserSerializer.Meta.fields, "password")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class UserFilter(filters.FilterSet):
    """People by role, and those who may come in."""

    class Meta:
        model = User
        fields = ("role", "is_active", "username")


class UserViewSet(ReadingViewSet):
    """People and their rights."""

    queryset = User.objects.order_by("-id").prefetch_related("operation_grants")
    serializer_class = UserSerializer
    filterset_class = UserFilter
    viewing = Operation.MANAGE_PEOPLE
    operations: ClassVar = dict.fromkeys(
        ("list", "retrieve", "create", "partial_update", "grant", "withdraw"), Operation.MANAGE_PEOPLE
    )

    @extend_schema(request=NewUser, responses={201: MadeUser})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a person."""
        wanted = self.body(NewUser)
        given: str | None = wanted.pop("password", None)
        shown = given or people.new_password()
        role = Role(wanted.pop("role"))
        with unique("username", _TAKEN):
            user = people.create_user(**wanted, role=role, password=shown, by=self.actor, now=self.now)
        return self.respond(user, status=201, more={"password": "" if given else shown})

    @extend_schema(request=UserChange, responses=UserSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Give another role, let in or out."""
        user = self.get_object()
        wanted = self.body(UserChange)
        if user == self.user and wanted.get("is_active") is False:
            raise ValidationError({"is_active": ["You cannot lock yourself out. Let another superuser do it."]})
        by, now = self.actor, self.now
        with transaction.atomic():
            if "role" in wanted:
                people.set_role(user=user, role=Role(wanted["role"]), by=by, now=now)
            if "is_active" in wanted:
                people.set_active(user=user, is_active=wanted["is_active"], by=by, now=now)
        return self.respond(self.get_object())

    @extend_schema(request=NamedOperation, responses=UserSerializer)
    @action(detail=True, methods=["post"])
    def grant(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Grant one operation, where the role lets it be granted."""
        return self._grant(self.get_object(), withdraw=False)

    @extend_schema(request=NamedOperation, responses=UserSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Take a granted operation back; one that was not granted is no mistake."""
        return self._grant(self.get_object(), withdraw=True)

    def _grant(self, user: User, *, withdraw: bool) -> Response:
        operation = Operation(self.body(NamedOperation)["operation"])
        kwargs: dict[str, Any] = {"by": self.actor, "now": self.now}
        if withdraw:
            for grant in OperationGrant.objects.filter(user=user, operation=operation):
                people.withdraw_operation(grant=grant, **kwargs)
        else:
            people.grant_operation(user=user, operation=operation, **kwargs)
        return self.respond(self.get_object())
