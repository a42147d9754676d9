"""Who calls, and with which rights; and the caller's own API tokens."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet, ReadingViewSet
from accounts.enums import TokenScope
from accounts.models import EVENTS_PER_MINUTE, ApiToken, User
from accounts.operations import Operation, Reach
from accounts.permissions import may, reach_of
from accounts.services import people
from dct_site.kernel.rest.inputs import Input, LineField, WholeField, WordField

HANDLE = 16


class RightSerializer(serializers.Serializer[Any]):
    """One row of the permission table, as it stands for the caller."""

    operation = serializers.CharField()
    reach = serializers.ChoiceField(choices=[(one.value, one.value) for one in Reach])
    is_allowed = serializers.BooleanField(help_text="False also where its feature is switched off.")


class MeSerializer(serializers.ModelSerializer[User]):
    """The caller."""

    rights = RightSerializer(many=True)

    class Meta:
        model = User
        fields = ("id", "username", "email", "role", "is_superuser", "rights")
        read_only_fields = fields


class MeViewSet(OperationViewSet):
    """The caller."""

    queryset = User.objects.all()
    serializer_class = MeSerializer
    operations: ClassVar = {"retrieve": Operation.VIEW}

    @extend_schema(responses=MeSerializer)
    def retrieve(self, request: Request) -> Response:  # noqa: ARG002
        """Who calls, and what they may do."""
        user = self.user
        rights = [
            {"operation": one.value, "reach": reach_of(user, one).value, "is_allowed": bool(may(user, one))}
            for one in Operation
        ]
        shown = {name: getattr(user, name) for name in ("id", "username", "email", "role", "is_superuser")}
        return Response({**shown, "rights": rights})


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its text, which is told once. ``id`` is the head of its hash."""

    id = serializers.SerializerMethodField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=TokenScope.choices))
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)

    class Meta:
        model = ApiToken
        fields = ("id", "user", "name", "scopes", "created_at", "expires_at", "last_used_at", "events_per_minute")
        read_only_fields = fields

    def get_id(self, row: ApiToken) -> str:
        return str(row.digest[:HANDLE])


class MadeToken(TokenSerializer):
    """A new token, with its text."""

    token = serializers.CharField(help_text="Told once; keep it now.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class NewToken(Input):
    """A token to make; no scopes means everything that its owner may do."""

    name = LineField(max_length=100)
    scopes = serializers.ListField(
        child=WordField(choices=TokenScope.choices), required=False, max_length=len(TokenScope)
    )
    days = WholeField(min_value=1, max_value=3650, default=365)
    events_per_minute = WholeField(
        min_value=1,
        max_value=people.MOST_EVENTS_PER_MINUTE,
        default=EVENTS_PER_MINUTE,
        help_text="What comes faster gets 429.",
    )


class TokenChange(Input):
    """What may be changed of a token."""

    events_per_minute = WholeField(
        min_value=1, max_value=people.MOST_EVENTS_PER_MINUTE, help_text="What comes faster gets 429, at once."
    )


@extend_schema(parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH)])
class TokenViewSet(ReadingViewSet):
    """The caller's own API tokens; a superuser's list holds everybody's."""

    queryset = ApiToken.objects.all()
    serializer_class = TokenSerializer
    filterset_fields: ClassVar = ()
    keyset = "-digest"
    lookup_field = "id"
    lookup_value_regex = f"[0-9a-f]{{{HANDLE}}}"
    operations: ClassVar = dict.fromkeys(("list", "retrieve", "create", "partial_update", "destroy"), Operation.VIEW)

    def rows(self) -> QuerySet[ApiToken]:
        rows: QuerySet[ApiToken] = ApiToken.objects.select_related("user")
        return rows if self.may(Operation.MANAGE_PEOPLE) else rows.filter(user=self.user)

    def get_object(self) -> ApiToken:
        self.lookup_field, named = "digest__startswith", self.kwargs["id"]
        self.kwargs["digest__startswith"] = named
        found: ApiToken = super().get_object()
        return found

    @extend_schema(request=NewToken, responses={201: MadeToken})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a token; its text is in the answer, once."""
        wanted = self.body(NewToken)
        scopes = [TokenScope(one) for one in wanted.get("scopes", [])]
        token, text = people.issue_token(
            user=self.user,
            name=wanted["name"],
            scopes=scopes,
            days=wanted["days"],
            events_per_minute=wanted["events_per_minute"],
            by=self.actor,
            now=self.now,
        )
        return self.respond(token, status=201, more={"token": text})

    @extend_schema(request=TokenChange, responses=TokenSerializer)
    def partial_update(self, request: Request, id: str) -> Response:  # noqa: ARG002 - the name in the address
        """Change how many events it may post in a minute: one's own, or anybody's for those who manage people."""
        token, rate = self.get_object(), self.body(TokenChange)["events_per_minute"]
        return self.respond(people.set_token_rate(token=token, events_per_minute=rate, by=self.actor, now=self.now))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id: str) -> Response:  # noqa: ARG002 - the name in the address
        """End a token at once."""
        people.revoke_token(token=self.get_object(), by=self.actor, now=self.now)
        return Response(status=204)
