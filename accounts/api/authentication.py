"""Who calls the API: a bearer token, or the session of a signed-in browser."""

from typing import Any

from django.db.models import QuerySet
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from rest_framework.authentication import SessionAuthentication as DrfSession
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import ApiToken, User
from dct_site.kernel.clock import utcnow


class TokenAuthentication(KnoxAuthentication):  # type: ignore[misc]
    """``Authorization: Bearer …``; remembers, at most once a minute, that the token was used."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        """Whose token it is. Raises AuthenticationFailed.

        Its hash finds it. Knox looks by its first letters, and deletes the person's ended tokens at each call, so that
        nobody can see any more why a program is turned away.
        """
        found = self._found(token)
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        now = utcnow()
        if found.expiry is not None and found.expiry <= now:
            ended = f"{found.expiry:%Y-%m-%d %H:%M} UTC"
            raise AuthenticationFailed(f"This token ended on {ended}. Make another one on the account page.")
        user, _ = self.validate_user(found)
        if found.last_used_at is None or (now - found.last_used_at).total_seconds() > 60:
            ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
        return user, found

    @staticmethod
    def _found(token: bytes) -> ApiToken | None:
        if not token.isascii():
            return None
        rows: QuerySet[ApiToken] = ApiToken.objects.select_related("user")
        return rows.filter(digest=hash_token(token.decode("ascii"))).first()


class SessionAuthentication(DrfSession):
    """Names a challenge, so that a caller without credentials gets 401 and not 403."""

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return "Bearer"


def token_of(request: Request) -> ApiToken | None:
    """The token that the call was made with, None for a session."""
    auth: Any = request.auth
    return auth if isinstance(auth, ApiToken) else None
