"""Keyset pages: nothing is shown twice or left out while the list grows."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.actor import Actor
from accounts.models import User
from tests.factories.accounts import make_user
from tests.factories.triggers import make_document
from tests.factories.world import NOON
from triggers.models import Trigger
from triggers.services import drafts

pytestmark = pytest.mark.django_db


def make_triggers(owner: User, count: int) -> list[int]:
    return [
        drafts.create_trigger(owner=owner, document=make_document(), by=Actor.system(), now=NOON).pk
        for _ in range(count)
    ]


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def client(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def page(client: Client, url: str) -> Any:
    response = client.get(url)
    assert response.status_code == 200
    return response.json()


def ids(found: Any) -> list[int]:
    return [row["id"] for row in found["results"]]


def test_a_list_that_grows_does_not_shift(client: Client, owner: User) -> None:
    made = make_triggers(owner, 5)
    first = page(client, "/api/v1/triggers/?page_size=2")
    assert ids(first) == made[:-3:-1]
    make_triggers(owner, 3)
    second = page(client, first["next"])
    third = page(client, second["next"])
    assert ids(second) + ids(third) == made[2::-1]
    assert third["next"] is None
    assert ids(page(client, second["previous"])) == ids(first)


def test_a_page_has_500_rows_at_most_and_a_nonsensical_size_is_the_usual_one(client: Client, owner: User) -> None:
    make_triggers(owner, 2)
    assert len(ids(page(client, "/api/v1/triggers/?page_size=99999"))) == 2
    assert page(client, "/api/v1/triggers/?page_size=0")["next"] is None
    assert Trigger.objects.count() == 2


def test_a_cursor_of_another_list_is_refused(client: Client) -> None:
    response = client.get("/api/v1/triggers/?cursor=cD1hYmM=")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert "Start again" in response.json()["detail"]


def test_an_update_from_an_old_version_is_refused(client: Client, owner: User) -> None:
    (pk,) = make_triggers(owner, 1)
    path = f"/api/v1/triggers/{pk}/"
    etag = client.get(path)["ETag"]

    def rename(name: str, tag: str) -> Any:
        body = json.dumps({"name": name})
        return client.patch(path, data=body, content_type="application/json", headers={"If-Match": tag})

    assert rename("First", etag).status_code == 200
    late = rename("Second", etag)
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    assert client.get(path).json()["name"] == "First"
    assert rename("Third", "*").status_code == 200
    assert rename("Fourth", f'"nonsense", {client.get(path)["ETag"]}').status_code == 200


def test_a_writer_that_comes_between_the_look_and_the_change_is_told(
    client: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pk,) = make_triggers(owner, 1)
    path = f"/api/v1/triggers/{pk}/"
    etag = client.get(path)["ETag"]
    real = drafts.save_draft

    def beaten(**kwargs: Any) -> Any:
        Trigger.objects.filter(pk=pk).update(version=99)
        return real(**kwargs)

    monkeypatch.setattr(drafts, "save_draft", beaten)
    body = json.dumps({"name": "Mine"})
    with_tag = client.patch(path, data=body, content_type="application/json", headers={"If-Match": etag})
    assert with_tag.status_code == 412
    Trigger.objects.filter(pk=pk).update(version=1)
    without = client.patch(path, data=body, content_type="application/json")
    assert (without.status_code, without.json()["code"]) == (409, "version_conflict")
