"""One person of each role, signed in at a client of their own."""

from dataclasses import dataclass
from typing import Any

from django.test import Client

from accounts.enums import Role
from accounts.models import User
from tests.factories.accounts import make_user


@dataclass(frozen=True)
class Visitor:
    """A person and the browser they sit at."""

    user: User
    client: Client

    def get(self, url: str, **kwargs: Any) -> Any:
        return self.client.get(url, **kwargs)

    def post(self, url: str, data: Any = None, **kwargs: Any) -> Any:
        """As a form of a page without a script sends it."""
        return self.client.post(url, data or {}, **kwargs)

    def press(self, url: str, data: Any = None) -> Any:
        """As a button of a page sends it."""
        return self.client.post(url, data or {}, headers={"HX-Request": "true"})


def visitor(role: Role = Role.DEVELOPER, **over: Any) -> Visitor:
    """Somebody of a role, signed in."""
    user, client = make_user(role=role, **over), Client()
    client.force_login(user)
    return Visitor(user, client)


def toast_of(response: Any) -> str:
    """The sentence that the answer to a button says."""
    return str(response.headers["HX-Trigger"])
