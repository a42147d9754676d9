"""Who may open which page of what happens, and who may do what there."""

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm

from accounts.enums import Role
from accounts.models import User
from tests.factories.accounts import make_user
from tests.triggers.views.happening import LISTS, client_of, make_world
from triggers.models import Execution

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[Role.CEO, Role.SUPPORT, Role.DEVELOPER, "superuser"])
def person(request: pytest.FixtureRequest) -> User:
    if request.param == "superuser":
        return make_user(is_superuser=True, is_staff=True)
    return make_user(role=request.param)


def test_nobody_who_is_not_signed_in_sees_a_page() -> None:
    world = make_world()
    for address in (*LISTS, "/limits/", *world.addresses()):
        response = Client().get(address)
        assert response.status_code == 302, address
        assert response["Location"].startswith("/login/")


def test_nobody_who_is_not_signed_in_changes_anything() -> None:
    world = make_world()
    for address in world.actions():
        assert Client().post(address).status_code == 302, address
    assert Execution.objects.get(pk=world.execution.pk).status == world.execution.status


@pytest.mark.unmeasured
def test_every_list_opens_for_every_role(person: User) -> None:
    make_world()
    for address in LISTS:
        assert client_of(person).get(address).status_code == 200, address


@pytest.mark.unmeasured
def test_a_ceo_sees_nothing_of_somebody_else_and_the_other_roles_see_all(person: User) -> None:
    world = make_world()
    expected = 404 if person.role == Role.CEO and not person.is_superuser else 200
    for address in world.addresses():
        assert client_of(person).get(address).status_code == expected, address


def test_one_sees_all_of_ones_own() -> None:
    world = make_world()
    for address in world.addresses():
        assert client_of(world.ann).get(address).status_code == 200, address


def test_a_ceo_changes_nothing_of_somebody_else() -> None:
    world = make_world()
    stranger = client_of(make_user(role=Role.CEO))
    for address in world.actions():
        assert stranger.post(address, {"text": "x", "reason": "x", "title": "x", "name": "x"}).status_code == 404
    assert Execution.objects.get(pk=world.execution.pk).status == world.execution.status


def test_lists_of_a_ceo_hold_nothing_of_somebody_else() -> None:
    make_world(text="Secret of ann")
    stranger = client_of(make_user(role=Role.CEO))
    for address in LISTS:
        assert "Secret of ann" not in stranger.get(address).content.decode(), address


def test_swapped_ids_lead_nowhere() -> None:
    """Two people of one role, each with a world of their own: no id of the one opens anything for the other."""
    ann, bob = make_world(), make_world()
    for mine, theirs in ((ann, bob), (bob, ann)):
        client = client_of(mine.ann)
        for address in theirs.addresses():
            assert client.get(address).status_code == 404, address
        for address in theirs.actions():
            assert client.post(address, {"text": "x", "reason": "x"}).status_code == 404, address
        for query in (f"?item={theirs.item.pk}", f"?trigger={theirs.trigger.pk}", f"?delivery={theirs.delivery.pk}"):
            for address in ("/events/", "/executions/"):
                page = client.get(f"{address}{query}").content.decode()
                assert f"/executions/{theirs.execution.pk}/" not in page
                assert f"/events/{theirs.event.pk}/" not in page
        assert client.get(f"/events/{mine.event.pk}/?trigger={theirs.trigger.pk}").status_code == 404


def test_who_was_granted_a_look_looks_and_does_nothing() -> None:
    world = make_world()
    guest = make_user(role=Role.CEO)
    for right, row in (
        ("triggers.view_trigger", world.trigger),
        ("workspaces.view_workspace", world.workspace),
        ("workspaces.view_contextitem", world.item),
    ):
        assign_perm(right, guest, row)
    client = client_of(guest)
    for address in (one for one in world.addresses() if "/deliveries/" not in one):
        response = client.get(address)
        assert response.status_code == 200, address
        page = b"".join(response).decode()
        for act in world.actions():
            assert act not in page, (address, act)
    for act in world.actions():
        assert client.post(act, {"text": "x", "reason": "x", "title": "x", "name": "x"}).status_code == 403, act
    assert Execution.objects.get(pk=world.execution.pk).status == world.execution.status


@pytest.mark.parametrize(("role", "expected"), [(Role.CEO, 403), (Role.SUPPORT, 403), (Role.DEVELOPER, 200)])
def test_only_developers_open_the_limits(role: Role, expected: int) -> None:
    assert client_of(make_user(role=role)).get("/limits/").status_code == expected


def test_reasons_of_health_are_for_triage() -> None:
    words = "gives no sign of life"
    assert words not in client_of(make_user(role=Role.CEO)).get("/status/").content.decode()
    assert words in client_of(make_user(role=Role.SUPPORT)).get("/status/").content.decode()


def test_ids_that_are_none_are_not_found() -> None:
    client = client_of(make_user())
    for query in ("?item=x", "?item=-1", f"?item={10**30}", "?older=%00", "?part=nothing", "?part=fresh"):
        assert client.get(f"/events/{query}").status_code == 404, query
