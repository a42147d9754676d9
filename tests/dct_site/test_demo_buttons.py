"""The demo's buttons: they write as the outside world would, and say so when there is no demo to write to."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client, override_settings

from dct_site.simulators import demo, github, mail
from tests.factories.accounts import make_user

pytestmark = pytest.mark.django_db
READY = {
    "github_webhook_url": "http://127.0.0.1:1/hooks/x",
    "github_webhook_secret": "canary-of-a-secret",
    "mail": {"smtp": 2525, "address": "demo@demo.localhost"},
}


@pytest.fixture
def data(tmp_path: Path) -> Any:
    with override_settings(DCT_DATA_DIR=tmp_path):
        yield tmp_path


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(make_user())
    return client


def press(client: Client, what: str) -> str:
    """Press a button without a script; the sentence that is shown then."""
    response = client.post(f"/demo/send/{what}/")
    assert response.status_code == 302
    return " ".join(str(one) for one in get_messages(response.wsgi_request))


def test_without_a_demo_there_are_no_buttons(client: Client, data: Path) -> None:
    assert client.post("/demo/send/mail/").status_code == 404
    demo.tell(data, **READY)
    assert client.post("/demo/send/fax/").status_code == 404


@pytest.mark.parametrize("what", ["mail", "pull-request"])
def test_a_demo_that_is_still_starting_says_so(client: Client, data: Path, what: str) -> None:
    demo.tell(data, mail=None)
    assert "wait until it is ready" in press(client, what)


def test_a_mail_goes_to_the_demos_mailbox(client: Client, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.tell(data, **READY)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(mail, "send", lambda **given: sent.append(given))
    assert press(client, "mail") == "A mail was sent. The card changes with the next poll."
    assert (sent[0]["port"], sent[0]["to"], sent[0]["smtp_host"]) == (2525, "demo@demo.localhost", "127.0.0.1")


@pytest.mark.parametrize(("status", "words"), [(202, "was sent. The card changes"), (429, "The door answered 429.")])
def test_a_pull_request_is_posted_to_the_demos_own_door(
    client: Client, data: Path, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    demo.tell(data, **READY)
    sent: list[dict[str, Any]] = []

    def post(**given: Any) -> github.Posted:
        sent.append(given)
        return github.Posted(status, {}, "")

    monkeypatch.setattr(github, "post", post)
    assert words in press(client, "pull-request")
    assert (sent[0]["url"], sent[0]["secret"]) == (READY["github_webhook_url"], READY["github_webhook_secret"])
