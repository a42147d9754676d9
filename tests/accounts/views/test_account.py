"""Signing in and out, and one's own account."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, AuditEntry
from tests.triggers.views.people import Visitor, visitor

pytestmark = pytest.mark.django_db

PASSWORD = "three blue ferries"
ANOTHER = "four green lighthouses"


@pytest.fixture
def person() -> Visitor:
    """Somebody with a password."""
    made = visitor()
    made.user.set_password(PASSWORD)
    made.user.save(update_fields=["password"])
    made.client.force_login(made.user)
    return made


def sign_in(client: Client, name: str, password: str) -> Any:
    return client.post(f"{reverse('login')}?next=/triggers/", {"username": name, "password": password})


def test_the_right_password_opens_the_page_one_wanted(person: Visitor, client: Client) -> None:
    answer = sign_in(client, person.user.username, PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/triggers/")


def test_a_wrong_password_is_said_without_telling_which_part(person: Visitor, client: Client) -> None:
    known = sign_in(client, person.user.username, "wrong")
    unknown = sign_in(client, "nobody-here", "wrong")
    assert known.status_code == unknown.status_code == 200
    assert known.context["form"].non_field_errors() == unknown.context["form"].non_field_errors()


def test_signing_in_never_leads_to_another_site(person: Visitor, client: Client) -> None:
    posted = {"username": person.user.username, "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post(reverse("login"), posted).headers["Location"] == reverse("library")


def test_too_many_wrong_passwords_lock_for_a_while(person: Visitor, client: Client) -> None:
    answers = [sign_in(client, person.user.username, "wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert answers[-1] == 429
    locked = sign_in(client, person.user.username, PASSWORD)
    assert locked.status_code == 429
    assert "Too many wrong passwords" in locked.content.decode()


def test_signing_out_is_a_post(person: Visitor) -> None:
    assert person.get(reverse("logout")).status_code == 405
    assert person.post(reverse("logout")).status_code == 302
    assert person.get(reverse("library")).status_code == 302


def test_a_form_without_its_token_is_refused(person: Visitor) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person.user)
    assert strict.post(reverse("logout")).status_code == 403
    assert strict.post(reverse("token-new"), {"name": "x"}).status_code == 403


def test_a_new_password_ends_other_sessions_and_keeps_this_one(person: Visitor) -> None:
    elsewhere = Client()
    elsewhere.force_login(person.user)
    posted = {"old_password": PASSWORD, "new_password1": ANOTHER, "new_password2": ANOTHER}
    assert person.press(reverse("password"), posted).headers["HX-Redirect"] == reverse("me")
    assert person.get(reverse("me")).status_code == 200
    assert elsewhere.get(reverse("me")).status_code == 302
    entry = AuditEntry.objects.get(action="user.password_changed")
    assert ANOTHER not in str(entry.after)


def test_a_new_password_takes_the_old_one_and_some_strength(person: Visitor) -> None:
    wrong = {"old_password": "wrong", "new_password1": ANOTHER, "new_password2": ANOTHER}
    weak = {"old_password": PASSWORD, "new_password1": "12345678", "new_password2": "12345678"}
    for posted in (wrong, weak):
        answer = person.press(reverse("password"), posted)
        assert answer.status_code == 422
        assert ANOTHER not in answer.content.decode()
    person.user.refresh_from_db()
    assert person.user.check_password(PASSWORD)


def test_a_token_is_shown_once_and_opens_the_api(person: Visitor, client: Client) -> None:
    answer = person.post(reverse("token-new"), {"name": "Script", "scope": "full", "days": "30"})
    text = answer.context["once"]["text"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert text not in person.get(reverse("me")).content.decode()
    assert client.get("/api/v1/me/", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def test_a_token_that_is_ended_opens_nothing(person: Visitor, client: Client) -> None:
    text = person.post(reverse("token-new"), {"name": "Script", "scope": "full", "days": "30"}).context["once"]["text"]
    row = person.get(reverse("me")).context["tokens"][0]
    person.press(row["revoke_url"])
    assert client.get("/api/v1/me/", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_a_token_of_another_cannot_be_ended(person: Visitor) -> None:
    person.post(reverse("token-new"), {"name": "Script", "scope": "full", "days": "30"})
    url = person.get(reverse("me")).context["tokens"][0]["revoke_url"]
    assert visitor().press(url).status_code == 404
    assert visitor(is_superuser=True).press(url).status_code == 404
    assert ApiToken.objects.count() == 1


def test_a_token_lasts_no_longer_than_offered(person: Visitor) -> None:
    assert person.post(reverse("token-new"), {"name": "x", "scope": "full", "days": "9999"}).status_code == 422
    assert not ApiToken.objects.exists()


def test_a_tokens_rate_is_chosen_and_changed(person: Visitor) -> None:
    made = {"name": "Script", "scope": "events", "days": "30"}
    person.post(reverse("token-new"), {**made, "events_per_minute": "120"})
    row = person.get(reverse("me")).context["tokens"][0]
    assert row["rate"] == "120"
    assert 'value="120"' in person.get(row["rate_url"]).content.decode()
    assert person.post(row["rate_url"], {"events_per_minute": "0"}).status_code == 422
    person.post(row["rate_url"], {"events_per_minute": "2500"})
    assert "2,500" in person.get(reverse("me")).content.decode()
    assert AuditEntry.objects.filter(action="token.rate_set").count() == 1


def test_the_rate_of_anothers_token_is_not_found(person: Visitor) -> None:
    person.post(reverse("token-new"), {"name": "Script", "scope": "events", "days": "30"})
    url = person.get(reverse("me")).context["tokens"][0]["rate_url"]
    other = visitor()
    assert other.get(url).status_code == 404
    assert other.post(url, {"events_per_minute": "1"}).status_code == 404
    assert ApiToken.objects.get().events_per_minute == 6000
