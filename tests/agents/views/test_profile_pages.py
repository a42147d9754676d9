"""Agent profiles on their pages."""

from typing import Any

import pytest
from django.urls import reverse

from accounts.enums import Role
from agents.models import AgentProfile
from tests.factories.agents import make_profile
from tests.triggers.views.people import Visitor, visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Visitor:
    return visitor(Role.CEO)


def fields(**over: Any) -> dict[str, Any]:
    values = {"name": "Digest", "runtime": "digest", "time_limit_s": 60, "output_limit_bytes": 4096}
    return {**values, "max_attempts": 2, "max_rounds": 1, "permissions": "{}", **over}


def test_a_profile_is_made_for_oneself(person: Visitor) -> None:
    assert person.post(reverse("profile-new"), fields(instructions="Be brief.")).status_code == 302
    made = AgentProfile.objects.get()
    assert (made.owner, made.instructions, made.max_attempts) == (person.user, "Be brief.", 2)


def test_what_the_service_refuses_stands_at_its_field(person: Visitor) -> None:
    answer = person.post(reverse("profile-new"), fields(max_attempts=500))
    assert answer.status_code == 422
    assert answer.context["form"].errors["max_attempts"]
    without = person.post(reverse("profile-new"), fields(runtime="command"))
    assert without.status_code == 422
    assert not AgentProfile.objects.exists()


def test_permissions_are_an_object(person: Visitor) -> None:
    assert person.post(reverse("profile-new"), fields(permissions="[1]")).status_code == 422
    assert person.post(reverse("profile-new"), fields(permissions="{")).status_code == 422
    assert person.post(reverse("profile-new"), fields(permissions="[" * 50_000)).status_code == 422


def test_a_profile_is_changed_by_the_version_one_saw(person: Visitor) -> None:
    profile = make_profile(owner=person.user)
    url = reverse("profile", args=[profile.pk])
    assert person.post(url, fields(name="Late", version=99)).status_code == 422
    assert person.post(url, fields(name="Late")).status_code == 422
    assert person.post(url, fields(name="Renamed", version=profile.version)).status_code == 302
    profile.refresh_from_db()
    assert profile.name == "Renamed"


def test_a_profile_that_is_put_away_is_no_longer_listed(person: Visitor) -> None:
    profile = make_profile(owner=person.user)
    person.press(reverse("profile-archive", args=[profile.pk]))
    assert person.get(reverse("profiles")).context["profiles"] == []
