"""People, grants, tokens and toggles in the admin: changed through their services, for superusers."""

from typing import Any

import pytest
from axes.handlers.proxy import AxesProxyHandler
from axes.middleware import AxesMiddleware
from axes.models import AccessAttempt
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import ApiToken, AuditEntry, FeatureToggle, OperationGrant, User
from accounts.services.people import issue_token
from tests.factories.accounts import make_user
from tests.factories.world import NOON


@pytest.fixture
def boss(db: None) -> User:
    return make_user(is_superuser=True, is_staff=True)


@pytest.fixture
def client(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


def told(response: Any) -> str:
    return " ".join(str(one) for one in get_messages(response.wsgi_request))


def last_entry() -> AuditEntry:
    return AuditEntry.objects.order_by("-pk")[0]


def test_a_person_is_made_with_a_password_that_is_told_once(client: Client, boss: User) -> None:
    form = {"username": "ada", "email": "ada@example.org", "role": Role.SUPPORT, "new_password": ""}
    response = client.post("/admin/accounts/user/add/", form)
    assert response.status_code == 302
    ada = User.objects.get(username="ada")
    password = told(response).split(" is ")[1].split(" –")[0]
    assert ada.role == Role.SUPPORT
    assert ada.check_password(password)
    assert (last_entry().action, last_entry().actor, last_entry().via) == ("user.created", boss, "admin")


def test_a_weak_password_is_refused_and_not_drawn_again(client: Client) -> None:
    form = {"username": "ada", "role": Role.SUPPORT, "new_password": "1234567"}
    response = client.post("/admin/accounts/user/add/", form)
    assert "too short" in response.content.decode()
    assert "1234567" not in response.content.decode()
    assert not User.objects.filter(username="ada").exists()


def test_a_name_that_is_taken_is_refused(client: Client, boss: User) -> None:
    response = client.post("/admin/accounts/user/add/", {"username": boss.username, "role": Role.SUPPORT})
    assert "This name is taken" in response.content.decode()


def test_a_role_is_changed_and_audited(client: Client) -> None:
    person = make_user(role=Role.CEO)
    client.post(f"/admin/accounts/user/{person.pk}/change/", {"role": Role.SUPPORT, "is_active": "on"})
    person.refresh_from_db()
    assert person.role == Role.SUPPORT
    assert last_entry().before == {"role": "ceo"}
    assert "user.role_set" in client.get(f"/admin/accounts/user/{person.pk}/history/").content.decode()


def test_what_the_form_does_not_have_cannot_be_slipped_in(client: Client) -> None:
    person = make_user(role=Role.CEO)
    form = {"role": Role.CEO, "is_active": "on", "is_superuser": "on", "username": "other", "password": "x"}
    client.post(f"/admin/accounts/user/{person.pk}/change/", form)
    before, password = person.username, person.password
    person.refresh_from_db()
    assert (person.username, person.is_superuser, person.password) == (before, False, password)


def test_nobody_locks_oneself_out(client: Client, boss: User) -> None:
    response = client.post(f"/admin/accounts/user/{boss.pk}/change/", {"role": boss.role})
    assert "cannot lock yourself out" in response.content.decode()
    acted = client.post("/admin/accounts/user/", {"action": "let_out", "_selected_action": [boss.pk]})
    assert "1 not: You cannot lock yourself out" in told(acted)
    boss.refresh_from_db()
    assert boss.is_active


def test_an_action_reports_what_it_did_and_what_was_so_already(client: Client) -> None:
    rows = [make_user(), make_user(), make_user(is_active=False)]
    response = client.post("/admin/accounts/user/", {"action": "let_out", "_selected_action": [row.pk for row in rows]})
    assert told(response) == "2 let out, 1 out already."
    assert not User.objects.filter(pk__in=[row.pk for row in rows], is_active=True).exists()


def test_more_rows_than_a_request_can_carry_are_refused_whole(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.admin.acts.MOST_ROWS", 1)
    rows = [make_user().pk for _ in range(2)]
    response = client.post("/admin/accounts/user/", {"action": "let_out", "_selected_action": rows})
    assert told(response) == "Choose at most 1 rows at a time."
    assert User.objects.filter(pk__in=rows, is_active=True).count() == 2


def test_signing_out_of_the_admin_signs_out_and_passwords_are_changed_on_the_products_own_page(client: Client) -> None:
    assert client.get("/admin/password_change/")["Location"] == "/me/password/"
    assert client.post("/admin/logout/")["Location"] == "/login/"
    assert client.get("/me/").status_code == 302


def test_a_grant_within_the_ceiling_is_made_and_withdrawn(client: Client) -> None:
    support = make_user(role=Role.SUPPORT)
    client.post("/admin/accounts/operationgrant/add/", {"user": support.pk, "operation": "packages"})
    grant = OperationGrant.objects.get(user=support)
    client.post(f"/admin/accounts/operationgrant/{grant.pk}/delete/", {"post": "yes"})
    assert not OperationGrant.objects.exists()
    assert last_entry().action == "operation.withdrawn"


def test_a_grant_above_the_ceiling_is_refused(client: Client) -> None:
    ceo = make_user(role=Role.CEO)
    response = client.post("/admin/accounts/operationgrant/add/", {"user": ceo.pk, "operation": "packages"})
    assert "may not be granted" in response.content.decode()
    assert not OperationGrant.objects.exists()


def test_deleting_a_token_revokes_it(client: Client) -> None:
    token, _ = issue_token(user=make_user(), name="laptop", by=Actor.system(), now=NOON)
    client.post(f"/admin/accounts/apitoken/{token.pk}/delete/", {"post": "yes"})
    assert not ApiToken.objects.exists()
    assert last_entry().action == "token.revoked"


def test_a_tokens_rate_is_changed_by_its_form_within_its_bounds(client: Client) -> None:
    token, _ = issue_token(user=make_user(), name="laptop", by=Actor.system(), now=NOON)
    address = f"/admin/accounts/apitoken/{token.pk}/change/"
    assert client.post(address, {"events_per_minute": "0"}).status_code == 200
    assert ApiToken.objects.get().events_per_minute == 6000
    assert client.post(address, {"events_per_minute": "60"}).status_code == 302
    assert ApiToken.objects.get().events_per_minute == 60
    assert last_entry().action == "token.rate_set"
    developer = Client()
    developer.force_login(make_user(role=Role.DEVELOPER, is_staff=True))
    assert developer.post(address, {"events_per_minute": "70"}).status_code == 403


@override_settings(AXES_FAILURE_LIMIT=1)
def test_who_was_locked_out_is_let_in_again(client: Client) -> None:
    person = make_user()
    Client().post("/login/", {"username": person.username, "password": "wrong"})
    row = AccessAttempt.objects.get(username=person.username)
    assert not AxesProxyHandler.is_allowed(_sign_in_of(person))
    response = client.post("/admin/axes/accessattempt/", {"action": "let_in_again", "_selected_action": [row.pk]})
    assert told(response) == "1 let in again."
    assert AxesProxyHandler.is_allowed(_sign_in_of(person))
    assert (last_entry().action, last_entry().after["username"]) == ("lock.lifted", person.username)


def _sign_in_of(person: User) -> HttpRequest:
    """A try to sign in, as axes judges it."""
    request = RequestFactory().post("/login/", {"username": person.username, "password": "x"})
    AxesMiddleware(lambda _: HttpResponse())(request)
    return request


def test_a_person_is_let_out_and_given_a_password_by_the_form(client: Client) -> None:
    person = make_user(role=Role.CEO)
    form = {"role": Role.CEO, "new_password": "a long and unusual one"}
    client.post(f"/admin/accounts/user/{person.pk}/change/", form)
    person.refresh_from_db()
    assert (person.is_active, person.check_password("a long and unusual one")) == (False, True)


def test_a_toggle_is_flipped_by_its_form_and_only_once(db: None) -> None:
    client = Client()
    client.force_login(make_user(role=Role.DEVELOPER, is_staff=True))
    row = FeatureToggle.objects.create(key="git_workflows", is_on=True)
    address = f"/admin/accounts/featuretoggle/{row.pk}/change/"
    for _ in range(2):
        client.post(address, {})
    assert not FeatureToggle.objects.get().is_on
    assert AuditEntry.objects.filter(action="toggle.flipped").count() == 1
    choice = {"action": "switch_off_for_everyone", "_selected_action": [row.pk]}
    client.get("/admin/")
    assert told(client.post("/admin/accounts/featuretoggle/", choice)) == "1 off already."


def test_a_developer_flips_a_toggle(db: None) -> None:
    client = Client()
    client.force_login(make_user(role=Role.DEVELOPER, is_staff=True))
    client.post("/admin/accounts/featuretoggle/add/", {"key": "git_workflows"})
    row = FeatureToggle.objects.get(key="git_workflows")
    assert not row.is_on
    client.get("/admin/")
    response = client.post("/admin/accounts/featuretoggle/", {"action": "switch_on", "_selected_action": [row.pk]})
    assert told(response) == "1 switched on."
    assert last_entry().action == "toggle.flipped"
