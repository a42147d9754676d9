"""The API as a whole: every route knows its operation, every role gets what the table says, and nothing is a 500."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.enums import Role
from accounts.models import User
from accounts.operations import TABLE, Operation, Reach
from dct_site.kernel.rest.problems import MEDIA_TYPE
from tests.api_routes import Route, routes
from tests.factories.accounts import make_user
from tests.factories.world import SECRET, World, make_world

ROUTES = routes()
JSON = "application/json"
# Everybody who is signed in may look at these; they belong to nobody.
RESOURCES = {
    "agent-profiles",
    "agents",
    "audit",
    "bulk-replays",
    "connections",
    "context-items",
    "decisions",
    "deliverables",
    "deliveries",
    "erasures",
    "events",
    "executions",
    "feature-toggles",
    "limits",
    "listeners",
    "me",
    "obsolete-agents",
    "record-rules",
    "sources",
    "status",
    "triggers",
    "workspace-templates",
    "workspaces",
}
PUBLIC = {"feature-toggles", "model-providers", "runtime-commands", "sources", "limits", "me", "status", "erasures"}


def call(client: Client, route: Route, world: World, body: Any = None, **headers: str) -> Any:
    """Make the call with a JSON body; whatever it changes is rolled back."""
    with transaction.atomic():
        data = {} if route.method == "get" else {"data": json.dumps({} if body is None else body)}
        content = {} if route.method == "get" else {"content_type": route.media_type}
        response = getattr(client, route.method)(route.address(world), **data, **content, headers=headers)
        transaction.set_rollback(True)
    return response


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_route_names_its_operation(route: Route) -> None:
    assert isinstance(route.operation, Operation)


def test_every_resource_of_the_contract_is_there() -> None:
    assert {route.resource for route in ROUTES} >= RESOURCES


@pytest.mark.unmeasured
def test_the_schema_is_valid_and_has_no_warning(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


@pytest.mark.django_db
def test_nobody_gets_anything_without_signing_in() -> None:
    world = make_world(make_user())
    for route in ROUTES:
        response = call(Client(), route, world)
        assert response.status_code == 401, str(route)
        assert response["Content-Type"] == MEDIA_TYPE, str(route)
        assert response["WWW-Authenticate"] == "Bearer", str(route)


ONCE = [pytest.mark.one_pass, pytest.mark.unmeasured]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "role", [Role.CEO, pytest.param(Role.SUPPORT, marks=ONCE), pytest.param(Role.DEVELOPER, marks=ONCE)]
)
@pytest.mark.parametrize("whose", ["own", "other's", "granted", "granted to look"])
def test_each_role_gets_what_the_table_says(role: Role, whose: str) -> None:
    user = make_user(role=role)
    world = make_world(user if whose == "own" else make_user())
    if whose.startswith("granted"):
        world.grant(user, "change" if whose == "granted" else "view")
    client = signed_in(user)
    for route in ROUTES:
        expected = expected_status(route, role, whose)
        status = call(client, route, world).status_code
        assert (status if status in (401, 403, 404) else "allowed") == expected, f"{route}: {status}"


def expected_status(route: Route, role: Role, whose: str) -> int | str:
    """What the permission table asks for, told without the code that asks it."""
    assert route.operation is not None
    rule = TABLE[route.operation]
    reach = rule.reach(role)
    if reach is Reach.NEVER:
        return 403
    if not route.is_detail or route.resource in PUBLIC:
        return "allowed"
    if route.resource == "tokens":
        return "allowed" if whose == "own" else 404
    if role is not Role.CEO or whose in ("own", "granted"):
        return "allowed"
    if whose == "other's":
        return 404
    return "allowed" if rule.is_reading else 403


@pytest.mark.django_db
def test_a_superuser_may_do_everything() -> None:
    client = signed_in(make_user(is_superuser=True))
    world = make_world(make_user())
    for route in ROUTES:
        assert call(client, route, world).status_code not in (401, 403, 404), str(route)


@pytest.mark.django_db
def test_lists_hold_nothing_of_others() -> None:
    make_world(make_user())
    client = signed_in(make_user(role=Role.CEO))
    for route in lists():
        response = client.get(f"/api/v1/{route.resource}/")
        expected = 403 if route.resource in {"users", "erasures"} else 200
        assert response.status_code == expected, str(route)
        if route.resource not in PUBLIC | {"users", "erasures"}:
            assert response.json()["results"] == [], str(route)


@pytest.mark.django_db
def test_lists_make_as_many_queries_for_many_rows_as_for_few() -> None:
    user = make_user(is_superuser=True)
    client = signed_in(user)
    make_world(make_user())
    few = {route.resource: queries(client, route) for route in lists()}
    for _ in range(3):
        make_world(make_user())
    many = {route.resource: queries(client, route) for route in lists()}
    assert many == few


def lists() -> Iterator[Route]:
    return (route for route in ROUTES if route.action == "list")


def queries(client: Client, route: Route) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        response = client.get(f"/api/v1/{route.resource}/")
    assert response.status_code == 200
    return len(captured)


@pytest.mark.django_db
def test_no_answer_holds_a_secret() -> None:
    owner = make_user(is_superuser=True)
    world = make_world(owner)
    client = signed_in(owner)
    for route in ROUTES:
        if route.method == "get":
            assert SECRET.encode() not in call(client, route, world).content, str(route)


@pytest.mark.django_db
def test_an_address_that_leads_nowhere_is_a_problem_and_not_a_page() -> None:
    client = signed_in(make_user())
    for path in ("/api/v1/nothing/", "/api/v1/triggers/x/", "/api/nothing", "/api/v1/triggers/999999/"):
        response = client.get(path)
        assert (response.status_code, response["Content-Type"]) == (404, MEDIA_TYPE), path


@pytest.mark.django_db
def test_a_method_that_is_not_there_is_405() -> None:
    response = signed_in(make_user()).put("/api/v1/me/", data="{}", content_type=JSON)
    assert (response.status_code, response["Content-Type"]) == (405, MEDIA_TYPE)
