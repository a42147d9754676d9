"""Bodies that are made to break their reader, at the API: the answer is a problem in JSON below 500."""

import json
from typing import Any

import pytest
from django.test import Client

from dct_site.kernel.rest.problems import MEDIA_TYPE
from tests.abuse import CHARSETS, ENCODINGS, NOT_SAFE, TWICE, ZIPPED
from tests.factories.accounts import make_user
from triggers.models import Delivery, Trigger

pytestmark = pytest.mark.django_db
EVENTS, TRIGGERS = "/api/v1/events/", "/api/v1/triggers/"
STRUCTURED = "application/cloudevents+json"
BINARY = {"Ce-Specversion": "1.0", "Ce-Id": "a", "Ce-Source": "/shop", "Ce-Type": "paid"}


@pytest.fixture
def client() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_user(is_superuser=True))
    return client


def send(client: Client, path: str, raw: bytes, kind: str, **headers: str) -> Any:
    """As ``client.post``, which would code the body anew by the charset that it is told."""
    return client.generic("POST", path, raw, content_type=kind, headers=headers)


# Without a body it is an event without data, or a draft with nothing in it.
@pytest.mark.unmeasured
@pytest.mark.parametrize("name", [name for name, raw in NOT_SAFE.items() if raw])
def test_what_is_not_safe_json_is_a_400_wherever_events_and_objects_are_taken(client: Client, name: str) -> None:
    raw = NOT_SAFE[name]
    answers = {
        "structured": send(client, EVENTS, raw, STRUCTURED),
        "with a key": send(client, EVENTS, raw, STRUCTURED, **{"Idempotency-Key": "k"}),
        "binary": send(client, EVENTS, raw, "application/json", **BINARY),
        "object": send(client, TRIGGERS, raw, "application/json"),
    }
    for where, answer in answers.items():
        assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE), f"{where}: {answer.content[:200]!r}"
        assert answer.json()["detail"] or answer.json()["errors"], where
    assert not Delivery.objects.exists()
    assert not Trigger.objects.exists()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_nothing_is_unpacked_so_nothing_can_be_a_bomb(client: Client, encoding: str) -> None:
    for path, kind in ((EVENTS, STRUCTURED), (TRIGGERS, "application/json")):
        answer = send(client, path, ZIPPED, kind, **{"Content-Encoding": encoding})
        assert (answer.status_code, answer["Content-Type"]) == (415, MEDIA_TYPE)
        assert "without Content-Encoding" in answer.json()["detail"]


@pytest.mark.parametrize("charset", [*CHARSETS, "rot13", "undefined", "uu"])
@pytest.mark.parametrize("kind", ["application/json", STRUCTURED, "application/x-www-form-urlencoded", "text/plain"])
def test_a_charset_is_never_looked_up_to_read_a_body(client: Client, kind: str, charset: str) -> None:
    for path in (TRIGGERS, EVENTS, "/login/"):
        answer = send(client, path, b'{"nmae": "\xc3\xa9"}', f"{kind}; charset={charset}")
        assert answer.status_code < 500, f"{path}: {answer.status_code}"
        assert path == "/login/" or answer["Content-Type"] == MEDIA_TYPE, path


def test_of_equal_names_the_last_one_is_read(client: Client) -> None:
    event = {"specversion": "1.0", "id": "a", "source": "/shop", "type": "paid"}
    raw = json.dumps(event)[:-1].encode() + b', "data": ' + TWICE + b', "id": ""}'
    answer = send(client, EVENTS, raw, STRUCTURED)
    assert (answer.status_code, [one["path"] for one in answer.json()["errors"]]) == (400, ["id"])
