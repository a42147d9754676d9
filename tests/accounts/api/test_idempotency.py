"""Idempotency-Key: a call that is made again gets the first one's answer, and does nothing twice."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.api import idempotency
from accounts.models import IdempotencyKey, User
from accounts.services import answers
from dct_site.engine.tick import tick
from dct_site.kernel.crypto import WrongKey
from tests.factories.accounts import make_user
from tests.factories.workspaces import make_template
from triggers.models import Trigger
from workspaces.models import WorkspaceTemplate

TRIGGERS, TEMPLATES = "/api/v1/triggers/", "/api/v1/workspace-templates/"


def post(user: User, path: str = TRIGGERS, *, key: str = "one", **body: Any) -> Any:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client.post(path, data=json.dumps(body), content_type="application/json", headers={"Idempotency-Key": key})


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "model"), [(TRIGGERS, Trigger), (TEMPLATES, WorkspaceTemplate)])
def test_the_same_call_again_gets_the_same_answer_and_makes_nothing(path: str, model: Any) -> None:
    user = make_user()
    first = post(user, path, name="Once")
    again = post(user, path, name="Once")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["ETag"] == first["ETag"]
    assert (again["Idempotent-Replayed"], first.has_header("Idempotent-Replayed")) == ("true", False)
    assert model.objects.count() == 1


@pytest.mark.django_db
def test_another_body_under_the_same_key_is_refused() -> None:
    user = make_user()
    post(user, name="Once")
    response = post(user, name="Twice")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Trigger.objects.count() == 1


@pytest.mark.django_db
def test_another_person_or_address_may_use_the_same_key() -> None:
    user = make_user()
    assert post(user, name="A").status_code == 201
    assert post(make_user(), name="A").status_code == 201
    assert post(user, TEMPLATES, name="A").status_code == 201


@pytest.mark.django_db
def test_a_refused_call_is_repeated_as_refused() -> None:
    user = make_user()
    first, again = (post(user, name=5) for _ in range(2))
    assert (first.status_code, again.status_code) == (400, 400)
    assert again.json() == first.json()
    assert again["Content-Type"] == first["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
@pytest.mark.parametrize("path", [TRIGGERS, TEMPLATES])
@pytest.mark.parametrize(("error", "status"), [(RuntimeError("broken"), 500), (WrongKey("locked"), 503)])
def test_an_error_of_ours_keeps_nothing_so_that_the_call_may_be_tried_again(
    path: str, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user()

    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise error

    with monkeypatch.context() as broken_now:
        broken_now.setattr("triggers.services.drafts.create_trigger", broken)
        broken_now.setattr("workspaces.services.templates.create", broken)
        assert post(user, path, name="Once").status_code == status
    assert not IdempotencyKey.objects.exists()
    assert post(user, path, name="Once").status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    response = post(make_user(), key=key, name="Once")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.django_db
def test_after_a_day_a_key_is_free_again() -> None:
    user = make_user()
    post(user, name="Once")
    IdempotencyKey.objects.update(created_at=timezone.now() - answers.KEPT - timedelta(seconds=1))
    assert post(user, name="Twice").status_code == 201
    assert Trigger.objects.count() == 2


@pytest.mark.django_db
def test_while_a_long_call_is_at_work_the_same_one_is_told_to_wait() -> None:
    user = make_user()
    post(user, TEMPLATES, name="Once")
    IdempotencyKey.objects.update(response_status=0)
    response = post(user, TEMPLATES, name="Once")
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_key_in_use")


@pytest.mark.django_db
def test_a_long_call_whose_process_died_gives_its_key_up() -> None:
    user = make_user()
    post(user, TEMPLATES, name="Once")
    before = timezone.now() - idempotency.ABANDONED - timedelta(seconds=1)
    IdempotencyKey.objects.update(response_status=0, created_at=before)
    assert post(user, TEMPLATES, name="Once").status_code == 201


@pytest.mark.django_db
def test_what_copies_files_is_not_called_in_an_open_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    template = make_template()
    depths = []

    def look(**_kwargs: Any) -> None:
        depths.append(len(connection.savepoint_ids))

    monkeypatch.setattr("workspaces.services.templates.put_file", look)
    client = Client()
    client.force_login(make_user())
    path = f"{TEMPLATES}{template.pk}/files/work/a.md"
    before = len(connection.savepoint_ids)
    response = client.put(path, data=b"text", content_type="text/markdown", headers={"Idempotency-Key": "one"})
    assert response.status_code == 204
    assert depths == [before]


@pytest.mark.django_db(transaction=True)
def test_many_at_the_same_time_make_one_thing() -> None:
    user = make_user()
    together = threading.Barrier(4)
    answers: list[Any] = []

    def call() -> None:
        together.wait(timeout=20)
        try:
            answers.append(post(user, name="Once"))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Trigger.objects.count() == 1


@pytest.mark.django_db
def test_an_answer_that_was_emptied_is_repeated_without_a_body_and_does_nothing_twice() -> None:
    user = make_user()
    post(user, name="Canary")
    post(user, name="", key="two")  # refused, and kept as well

    assert answers.forget_content() == 2
    assert answers.forget_content() == 0

    again = post(user, name="Canary")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, b"", "true")
    assert again.has_header("ETag")
    assert post(user, name="Another").status_code == 422
    assert Trigger.objects.count() == 1
    assert "Canary" not in str(IdempotencyKey.objects.values_list("response_body", "response_headers", "route"))


@pytest.mark.django_db
def test_answers_are_deleted_when_their_day_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    user, now = make_user(), timezone.now()
    for number in range(3):
        post(user, name=f"T{number}", key=str(number))
    monkeypatch.setattr(answers, "BATCH", 2)

    assert answers.drop_old(now=now + timedelta(hours=23)) == 0
    assert answers.drop_old(now=now + timedelta(hours=25)) == 2
    tick(now + timedelta(hours=25))
    assert not IdempotencyKey.objects.exists()
