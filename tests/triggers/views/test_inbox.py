"""What DCT paused needs a person: it stands under Needs you with the reason, until somebody resumes it."""

import pytest

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import User
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_trigger
from tests.triggers.views.happening import client_of
from triggers.models import Trigger
from triggers.services.decide.pending import decide_pending
from triggers.services.standing import pause, resume

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("written_out")]

WHY = "It fired 1 time within a minute; its storm brake allows 1"


def page_of(user: User, query: str = "") -> str:
    response = client_of(user).get(f"/needs-you/{query}")
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def stormy() -> Trigger:
    """One that its brake paused."""
    trigger = make_trigger(owner=make_user(role=Role.CEO), name="Gale", limits={"storm_limit": 1})
    for at in range(3):
        make_delivery(trigger.listeners.get().connection, now=after(at))
    decide_pending(now=after(3))
    return trigger


def test_a_trigger_in_a_storm_is_one_entry_with_its_reason_until_it_is_resumed(stormy: Trigger) -> None:
    for query in ("", "?whose=mine", "?part=paused"):
        page = page_of(stormy.owner, query)
        assert page.count("was paused by DCT") == 1
        assert WHY in page
    assert "One thing waits for a person" in page_of(stormy.owner)
    assert "Nothing needs you" not in page_of(stormy.owner)

    resume(trigger=stormy, by=Actor.system(), now=after(9))

    assert "was paused by DCT" not in page_of(stormy.owner)


def test_whoever_opens_it_sees_why_it_is_paused(stormy: Trigger) -> None:
    assert WHY in client_of(stormy.owner).get(f"/triggers/{stormy.pk}/").content.decode()


def test_others_see_it_as_far_as_they_see_the_trigger(stormy: Trigger) -> None:
    assert "Gale" not in page_of(make_user(role=Role.CEO))
    everything = make_user(is_superuser=True)
    assert "Gale" in page_of(everything)
    assert "Gale" not in page_of(everything, "?whose=mine")


def test_what_a_person_paused_needs_nobody(stormy: Trigger) -> None:
    resume(trigger=stormy, by=Actor.system(), now=after(9))
    pause(trigger=stormy, by=Actor.person(stormy.owner, "page"), now=NOON, reason="Holiday")  # type: ignore[arg-type]

    assert "was paused by DCT" not in page_of(stormy.owner)
