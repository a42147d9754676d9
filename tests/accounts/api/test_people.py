"""People, tokens, toggles and the audit log over the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from knox.crypto import hash_token

from accounts.enums import Role, TokenScope
from accounts.models import ApiToken, AuditEntry, FeatureToggle, User
from accounts.services.people import issue_token
from tests.factories.accounts import make_user
from tests.factories.world import SYSTEM

pytestmark = pytest.mark.django_db
V1, JSON = "/api/v1/", "application/json"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def token_of(user: User, *scopes: TokenScope) -> str:
    return issue_token(user=user, name="t", by=SYSTEM, now=timezone.now(), scopes=list(scopes))[1]


def test_a_token_opens_the_door_and_remembers_that_it_was_used() -> None:
    user = make_user(role=Role.SUPPORT)
    response = Client().get(f"{V1}me/", headers=bearer(token_of(user)))
    assert (response.status_code, response.json()["username"]) == (200, user.username)
    rights = {row["operation"]: (row["reach"], row["is_allowed"]) for row in response.json()["rights"]}
    assert rights["view"] == ("all", True)
    assert rights["set_limits"] == ("never", False)
    assert ApiToken.objects.get().last_used_at is not None


def test_a_token_that_has_expired_or_whose_owner_is_out_is_refused() -> None:
    user = make_user()
    text = token_of(user)
    User.objects.update(is_active=False)
    assert Client().get(f"{V1}me/", headers=bearer(text)).status_code == 401
    User.objects.update(is_active=True)
    assert Client().get(f"{V1}me/", headers=bearer(text)).status_code == 200
    ApiToken.objects.update(expiry=datetime(2026, 11, 20, 8, 30, tzinfo=UTC))
    ended = Client().get(f"{V1}me/", headers=bearer(text))
    assert (ended.status_code, ended.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert ended.json()["detail"].startswith("This token ended on 2026-11-20 08:30 UTC. ")


def test_a_token_that_ended_stays_to_look_at_and_says_so_to_who_has_it_alone() -> None:
    user = make_user()
    text, other = token_of(user), token_of(user)
    ApiToken.objects.exclude(digest=hash_token(other)).update(expiry=timezone.now() - timedelta(seconds=1))
    near = text[:-1] + ("0" if text[-1] != "0" else "1")
    assert Client().get(f"{V1}me/", headers=bearer(near)).json()["detail"] == "Invalid token."
    assert Client().get(f"{V1}me/", headers=bearer(other)).status_code == 200
    assert ApiToken.objects.filter(user=user).count() == 2
    page = signed_in(user).get("/me/").content.decode()
    assert page.count("Ended") == 1


@pytest.mark.parametrize("scope", [TokenScope.EVENTS, TokenScope.METRICS])
def test_a_narrow_token_does_nothing_else(scope: TokenScope) -> None:
    text = token_of(make_user(is_superuser=True), scope)
    for path in ("me", "triggers", "tokens", "users"):
        assert Client().get(f"{V1}{path}/", headers=bearer(text)).status_code == 403
    body = {"name": "wider"}
    assert Client().post(f"{V1}tokens/", data=body, content_type=JSON, headers=bearer(text)).status_code == 403


def test_a_token_is_told_once_and_ended() -> None:
    user = make_user(role=Role.CEO)
    client = signed_in(user)
    made = client.post(f"{V1}tokens/", data={"name": "laptop", "scopes": ["events"]}, content_type=JSON).json()
    assert (made["scopes"], made["name"]) == (["events"], "laptop")
    assert made["token"] not in client.get(f"{V1}tokens/").content.decode()
    other = make_user(role=Role.CEO)
    assert signed_in(other).delete(f"{V1}tokens/{made['id']}/").status_code == 404
    assert client.delete(f"{V1}tokens/{made['id']}/").status_code == 204
    assert Client().get(f"{V1}me/", headers=bearer(made["token"])).status_code == 401


def test_a_tokens_rate_is_its_owners_and_of_those_who_manage_people() -> None:
    owner = signed_in(make_user(role=Role.SUPPORT))
    made = owner.post(f"{V1}tokens/", data={"name": "shop"}, content_type=JSON).json()
    path = f"{V1}tokens/{made['id']}/"

    def change(client: Client, rate: Any) -> Any:
        return client.patch(path, data={"events_per_minute": rate}, content_type=JSON)

    assert change(owner, 60).json()["events_per_minute"] == 60
    assert change(signed_in(make_user(is_superuser=True)), 70).json()["events_per_minute"] == 70
    assert change(signed_in(make_user(role=Role.DEVELOPER)), 80).status_code == 404
    refused = change(owner, 0)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "events_per_minute")
    narrow = bearer(token_of(make_user(is_superuser=True), TokenScope.EVENTS))
    assert Client().patch(path, data={"events_per_minute": 9}, content_type=JSON, headers=narrow).status_code == 403
    assert owner.get(path).json()["events_per_minute"] == 70


def test_a_session_without_a_csrf_token_changes_nothing() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user())
    response = client.post(f"{V1}tokens/", data={"name": "x"}, content_type=JSON)
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert not ApiToken.objects.exists()


@pytest.fixture
def boss() -> Client:
    return signed_in(make_user(is_superuser=True))


def test_a_person_is_made_given_a_role_and_let_out(boss: Client) -> None:
    body: dict[str, Any] = {"username": "ana", "role": "ceo"}
    made = boss.post(f"{V1}users/", data=body, content_type=JSON)
    assert made.status_code == 201
    user = User.objects.get(username="ana")
    assert user.check_password(made.json()["password"])
    path = f"{V1}users/{user.pk}/"
    changed = boss.patch(path, data={"role": "support", "is_active": False}, content_type=JSON).json()
    assert (changed["role"], changed["is_active"], "password" in changed) == ("support", False, False)
    assert boss.post(f"{V1}users/", data=body, content_type=JSON).json()["errors"][0]["path"] == "username"
    weak = boss.post(f"{V1}users/", data={**body, "username": "bo", "password": "12345"}, content_type=JSON)
    assert weak.json()["errors"][0]["path"] == "password"
    given = {**body, "username": "bo", "password": "correct horse battery"}
    assert boss.post(f"{V1}users/", data=given, content_type=JSON).json()["password"] == ""


def test_a_superuser_cannot_lock_the_own_door() -> None:
    user = make_user(is_superuser=True)
    response = signed_in(user).patch(f"{V1}users/{user.pk}/", data={"is_active": False}, content_type=JSON)
    assert (response.status_code, response.json()["errors"][0]["path"]) == (400, "is_active")


def test_an_operation_is_granted_within_the_ceiling_of_the_role_only(boss: Client) -> None:
    support = make_user(role=Role.SUPPORT)
    path = f"{V1}users/{support.pk}/"
    granted = boss.post(f"{path}grant/", data={"operation": "packages"}, content_type=JSON)
    assert granted.json()["operation_grants"] == ["packages"]
    above = boss.post(f"{path}grant/", data={"operation": "git"}, content_type=JSON)
    assert (above.status_code, above.json()["code"]) == (403, "not_grantable")
    withdrawn = boss.post(f"{path}withdraw/", data={"operation": "packages"}, content_type=JSON)
    assert withdrawn.json()["operation_grants"] == []


def test_a_feature_is_switched_off_for_everyone() -> None:
    client = signed_in(make_user())
    path = f"{V1}feature-toggles/git_workflows/"
    assert client.get(path).json()["is_on"] is True
    assert client.patch(path, data={"is_on": False}, content_type=JSON).json()["is_on"] is False
    assert FeatureToggle.objects.get().is_on is False
    assert {row["key"]: row["is_on"] for row in client.get(f"{V1}feature-toggles/").json()["results"]}[
        "git_workflows"
    ] is False


def test_the_audit_log_is_found_by_what_it_is_about(boss: Client) -> None:
    user = make_user(role=Role.CEO)
    issue_token(user=user, name="t", by=SYSTEM, now=timezone.now())
    rows = boss.get(f"{V1}audit/?kind=user&object={user.pk}").json()["results"]
    assert [row["action"] for row in rows] == ["token.issued"]
    assert boss.get(f"{V1}audit/?at_from=2999-01-01T00:00:00Z").json()["results"] == []
    assert AuditEntry.objects.count() == 1


def test_the_documentation_is_for_those_who_are_signed_in_and_has_nothing_inline() -> None:
    assert Client().get("/api/schema/").status_code == 401
    assert Client().get("/api/docs/").status_code == 302
    client = signed_in(make_user())
    page = client.get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "<style" not in text
    assert text.count("<script") == text.count("<script src=")
    script = client.get("/api/docs/?script=")
    assert (script.status_code, script["Content-Type"]) == (200, "application/javascript")
    assert client.get("/api/schema/").status_code == 200


def test_an_error_of_ours_is_a_problem_without_details(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any) -> None:
        raise RuntimeError("canary of an inner matter")

    monkeypatch.setattr("accounts.api.me.reach_of", broken)
    client = Client(raise_request_exception=False)
    client.force_login(make_user())
    response = client.get(f"{V1}me/")
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert "canary" not in response.content.decode()
