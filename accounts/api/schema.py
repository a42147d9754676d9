"""How the API's documentation says who may call."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

TOKEN, SESSION = "token", "session"


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A bearer token."""

    target_class = "accounts.api.authentication.TokenAuthentication"
    name = TOKEN

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """The scheme's object."""
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The cookie of a signed-in browser."""

    target_class = "accounts.api.authentication.SessionAuthentication"
    name = SESSION

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        """The scheme's object."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
