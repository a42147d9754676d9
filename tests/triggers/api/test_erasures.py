"""Erasing over the API: previewed and confirmed, by Developers, and no name in any answer."""

from typing import Any

import pytest

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.world import World, make_world
from tests.triggers.api.test_triggers import Caller, paths
from triggers.models import Erasure, Event, Execution

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"


@pytest.fixture
def developer() -> Caller:
    return Caller(make_user(role=Role.DEVELOPER))


@pytest.fixture
def world() -> World:
    made = make_world(make_user())
    Event.objects.filter(pk=made.event.pk).update(actor="kim@example.org")
    Erasure.objects.all().delete()
    return made


def code_of(response: Any) -> str:
    return str(response.json()["type"].rsplit("/", 1)[-1])


@pytest.mark.parametrize("what", ["item", "person"])
def test_what_was_previewed_is_begun_with_its_confirmation(developer: Caller, world: World, what: str) -> None:
    wish: dict[str, Any] = {"item": world.item.pk} if what == "item" else {"person": "kim@example.org"}
    seen = developer.post(f"{V1}erasures/preview/", **wish).json()
    assert (seen["events"], seen["running"]) == (1, 1)
    confirmed = {**wish, "confirmation": seen["confirmation"]}

    running = developer.post(f"{V1}erasures/", **confirmed)
    other = developer.post(f"{V1}erasures/", **confirmed, with_files=True)
    begun = developer.post(f"{V1}erasures/", **confirmed, stop_running=True)

    assert (running.status_code, code_of(running)) == (409, "still-running")
    assert (other.status_code, code_of(other)) == (409, "preview-changed")
    assert begun.status_code == 201
    row = Erasure.objects.get()
    shown = developer.get(f"{V1}erasures/{row.pk}/")
    assert shown.json() == begun.json()
    assert "kim@example.org" not in shown.content.decode()
    assert (begun.json()["total"], begun.json()["status"]) == (1, "running")
    assert Execution.objects.get(pk=world.execution.pk).status == "cancelled"


@pytest.mark.parametrize(
    ("wish", "path"),
    [
        ({}, "item"),
        ({"item": 987_654}, "item"),
        ({"item": "world", "person": "kim"}, "item"),
        ({"item": "world", "connection": 1}, "connection"),
        ({"person": "k"}, "person"),
        ({"person": "kim", "connection": 987_654}, "connection"),
        ({"person": "kim", "why": "asked"}, "why"),
    ],
)
def test_a_wrong_wish_names_its_field(developer: Caller, world: World, wish: dict[str, Any], path: str) -> None:
    if wish.get("item") == "world":
        wish = {**wish, "item": world.item.pk}
    response = developer.post(f"{V1}erasures/preview/", **wish)
    assert (response.status_code, paths(response)) == (400, {path})


def test_of_whom_nothing_is_kept_nothing_is_begun(developer: Caller) -> None:
    seen = developer.post(f"{V1}erasures/preview/", person="nobody").json()
    response = developer.post(f"{V1}erasures/", person="nobody", confirmation=seen["confirmation"])
    assert (response.status_code, paths(response)) == (400, {"person"})


@pytest.mark.parametrize("role", [Role.CEO, Role.SUPPORT])
def test_others_may_not_even_look(role: Role, world: World) -> None:
    caller = Caller(make_user(role=role))
    assert caller.get(f"{V1}erasures/").status_code == 403
    assert caller.post(f"{V1}erasures/preview/", person="kim").status_code == 403
    assert caller.post(f"{V1}erasures/", person="kim", confirmation="x").status_code == 403
    assert not Erasure.objects.exists()
