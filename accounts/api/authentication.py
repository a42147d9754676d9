"""Who calls the API: a bearer token, or the session of a signed-in browser."""

from typing import Any

from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSession
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User
from dct_site.kernel.clock import utcnow


class TokenAuthentication(KnoxAuthentication):  # type: ignore[misc]
    """``Authorization: Bearer …``; remembers, at most once a minute, that the token was used."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        if not token.isascii() or b"\x00" in token:
            # The parent decodes and looks it up without a look: not UTF-8, or NUL on PostgreSQL, were errors of ours.
            raise AuthenticationFailed("Invalid token.")
        user, found = super().authenticate_credentials(token)
        now = utcnow()
        if found.last_used_at is None or (now - found.last_used_at).total_seconds() > 60:
            ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
        return user, found


class SessionAuthentication(DrfSession):
    """Names a challenge, so that a caller without credentials gets 401 and not 403."""

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return "Bearer"


def token_of(request: Request) -> ApiToken | None:
    """The token that the call was made with, None for a session."""
    auth: Any = request.auth
    return auth if isinstance(auth, ApiToken) else None
