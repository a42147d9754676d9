"""A word that is not among those that are possible is refused with a list of these."""

import pytest
from django.test import Client

from accounts.enums import Role
from tests.factories.accounts import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client: Client) -> Client:
    client.force_login(make_user(role=Role.DEVELOPER))
    return client


def test_in_a_body(api: Client) -> None:
    answer = api.post("/api/v1/tokens/", {"name": "mine", "scopes": ["read"]}, content_type="application/json")
    assert answer.status_code == 400
    (wrong,) = answer.json()["errors"]
    assert wrong == {
        "path": "scopes.0",
        "code": "invalid_choice",
        "message": '"read" is not one of full, events, metrics.',
    }


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/v1/deliveries/?status=lost", '"lost" is not one of received, decided, '),
        ("/api/v1/executions/?status=waiting", '"waiting" is not one of queued, starting, running, '),
    ],
)
def test_in_a_filter(api: Client, path: str, words: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith(words)
    assert api.get(path.partition("?")[0]).status_code == 200
